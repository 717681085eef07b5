"""Tables of text cells, from CSV, Excel (``.xlsx``) or JSON lines (``metadata.jsonl``)."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from twinlens.console import say
from twinlens.errors import UserError, require
from twinlens.importing.csv_text import Row, read_rows, read_text

TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx", ".jsonl")
"""Files of these names are tables; ``.txt`` may be one."""


def read_cells(path: Path) -> pd.DataFrame:
    """Read all cells as text, blank ones as missing; the index is the line in the file.

    A column without a name gets one, such as "column 3", unless it only counts the rows or is
    blank. Of columns that share a name, the later ones are named "age (2)"; equal ones are one.

    Raises:
        UserError: The file is no table with a header, or a line has another number of cells.
    """
    read = _READERS.get(path.suffix.lower(), read_rows)
    numbered = read(path)
    if len(numbered) < 2:
        raise UserError(f"{path} has no rows below its header.")
    (_, names), *rows = numbered
    for line, row in rows:
        if len(row) != len(names):
            raise UserError(f"{path}, line {line}: {len(row)} cells, but {len(names)} columns.")
    index = [line for line, _ in rows]
    cells = pd.DataFrame([row for _, row in rows], index=index, dtype=object)
    return _with_names(cells, names)


def typed(column: pd.Series) -> pd.Series:
    """Return a column of text as numbers if all its cells are numbers.

    A code such as 01, or an id of 16 digits and more, which no float holds exactly, is no number.
    """
    if any(re.match(r"0\d|[+-]?\d{16}", cell) for cell in column.dropna()):
        return column
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def repeated(name: str, number: int = 2) -> str:
    """Return how `read_cells` names the column that is the second, or a later one, of a name."""
    return f"{name} ({number})"


def _with_names(cells: pd.DataFrame, names: Sequence[str | None]) -> pd.DataFrame:
    kept: dict[str, pd.Series] = {}
    for number, name in enumerate(names, 1):
        column = cells[number - 1]
        if name is None and _says_nothing(column):
            continue
        name = name or f"column {number}"
        if name in kept and column.equals(kept[name]):
            continue
        later = (repeated(name, count) for count in range(2, len(names) + 2))
        kept[next(free for free in (name, *later) if free not in kept)] = column
    return pd.DataFrame(kept)


def _says_nothing(column: pd.Series) -> bool:
    """Return whether a column is blank, or counts the rows, as pandas writes its index."""
    cells = column.tolist()
    counts = (list(map(str, range(first, first + len(cells)))) for first in (0, 1))
    return not any(cells) or cells in counts


def _read_excel(path: Path) -> list[Row]:
    try:
        openpyxl = require("openpyxl", extra="excel")
    except UserError as error:
        raise UserError(f"{path} is an Excel file. {error} Or save it as CSV.") from error
    try:
        workbook = openpyxl.load_workbook(path, data_only=True)
    except Exception as error:  # a damaged archive can raise anything
        raise UserError(f"{path} is no Excel file, or a damaged one: save it as CSV.") from error
    first, *others = workbook.worksheets
    used = [sheet.title for sheet in others if sheet.max_row > 1]
    if used:
        say(f"{path.name}: the sheet '{first.title}' is read, but not {', '.join(used)}.")
    rows = [
        (line, [_text(value) for value in row])
        for line, row in enumerate(first.iter_rows(values_only=True), 1)
    ]
    return [row for row in rows if any(row[1])]


def _read_json_lines(path: Path) -> list[Row]:
    """Read objects, one a line, as rows below a header of all their keys."""
    objects: list[tuple[int, dict[str, Any]]] = []
    for line, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {line}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {line}: not a JSON object with named values.")
        objects.append((line, row))
    nested = {
        key for _, row in objects for key, value in row.items() if isinstance(value, dict | list)
    }
    if nested:
        say(f"{path.name}: what holds lists or objects is left out: {', '.join(sorted(nested))}.")
    names = [
        key for key in dict.fromkeys(k for _, row in objects for k in row) if key not in nested
    ]
    rows = [(line, [_text(row.get(name)) for name in names]) for line, row in objects]
    return [(0, [*names]), *rows]


def _text(value: object) -> str | None:
    """Return a cell of Excel or JSON as a CSV file would have it."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip() or None


_READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".xlsx": _read_excel,
    ".jsonl": _read_json_lines,
}
"""By suffix; other files are CSV."""
