"""The CSV file of suggestions, which a spreadsheet can open without running a formula."""

import csv
from pathlib import Path

import pandas as pd

from twinlens import files
from twinlens.errors import UserError
from twinlens.spreadsheets import unescaped, without_formulas

COLUMNS = ("rank", "id", "file", "group")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all; text that begins like a formula gets a ' before.

    `twinlens import` and `read_suggestions` take that apostrophe away again.
    """
    with files.atomic_file(path) as temporary:
        without_formulas(table).to_csv(temporary, index=False, float_format="%.4f")


def read_suggestions(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote of suggestions, all cells as text, blank ones as "".

    Raises:
        UserError: There is no such file, it is no CSV in UTF-8, or it lacks a column ``id``.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: make it with 'twinlens suggest'.") from error
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV in UTF-8: {error}.") from error
    if "id" not in table or table["id"].duplicated().any():
        raise UserError(
            f"{path} needs a column 'id' that names each image once, as in a file of "
            "'twinlens suggest'."
        )
    return table.map(unescaped)
