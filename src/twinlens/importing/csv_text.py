"""Text tables as people keep them: CSV with comma, semicolon or tab, in several encodings.

Encodings are UTF-8, UTF-16 (recognised by its byte order mark) or else Windows-1252, which covers
Latin-1.
"""

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from io import StringIO
from pathlib import Path

import pandas as pd

from twinlens.console import say
from twinlens.errors import UserError


def read_cells(path: Path) -> pd.DataFrame:
    """Read all cells as text, blank ones as missing; the index is the line in the file.

    Raises:
        UserError: The file is no table with a header, or a line has another number of cells.
    """
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    try:
        numbered = [
            (reader.line_num, [cell.strip() or None for cell in row]) for row in reader if any(row)
        ]
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}.") from error
    if len(numbered) < 2:
        raise UserError(f"{path} has no rows below its header.")
    (_, names), *rows = numbered
    if None in names or len(set(names)) < len(names):
        raise UserError(f"{path} needs a header in which every column has a name of its own.")
    for line, row in rows:
        if len(row) != len(names):
            raise UserError(f"{path}, line {line}: {len(row)} cells, but {len(names)} columns.")
    index = [line for line, _ in rows]
    return pd.DataFrame([row for _, row in rows], index=index, columns=names, dtype=object)


def typed(column: pd.Series) -> pd.Series:
    """Return a column of text as numbers if all its cells are numbers, and none a code like 01."""
    if any(re.match(r"0\d", cell) for cell in column.dropna()):
        return column
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def _text(path: Path) -> str:
    content = path.read_bytes()
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        say(f"{path.name} is not UTF-8: read as Windows-1252.")
    if "\0" in text or "\ufffd" in text:
        raise UserError(f"{path} is not a table in a known encoding: save it as CSV in UTF-8.")
    return text
