"""Text tables as people keep them: CSV with comma, semicolon or tab, in several encodings.

Encodings are UTF-8, UTF-16 (recognised by its byte order mark) or else Windows-1252, which covers
Latin-1. A first line such as ``sep=;``, which Excel writes, names the separator.
"""

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from io import StringIO
from pathlib import Path

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.spreadsheets import unescaped

Row = tuple[int, list[str | None]]
"""The number of a line in the file and its cells, blank ones as None."""


def read_rows(path: Path) -> list[Row]:
    """Read the lines of a CSV file that are not blank, the header among them.

    Raises:
        UserError: The file is no text in a known encoding, or no CSV.
    """
    text = read_text(path)
    named = re.match(r"sep=(.)\r?\n", text)
    start = named.end() if named else 0
    separator = named[1] if named else max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text[start:], newline=""), delimiter=separator)
    before = 1 if named else 0
    try:
        return [
            (
                before + reader.line_num,
                [unescaped(cell.strip()) or None for cell in row],
            )
            for row in reader
            if any(row)
        ]
    except csv.Error as error:
        raise UserError(f"{path}, line {before + reader.line_num}: {error}.") from error


def read_text(path: Path) -> str:
    """Read a text file in one of the encodings.

    Raises:
        UserError: It has another one, or is no text.
    """
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
