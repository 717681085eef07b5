"""The tables of the International Skin Imaging Collaboration: where they lie, what they hold."""

from pathlib import Path

import pandas as pd

from twinlens.errors import UserError
from twinlens.importing.csv_text import read_cells


def find_table(source: str, *names: str) -> Path | None:
    """Return the file of one of these names in a folder, or in a folder in it, or None."""
    folder = Path(source)
    if not folder.is_dir():
        return None
    places = (
        path for name in names for at in ("", "*/") for path in sorted(folder.glob(at + name))
    )
    return next((path for path in places if path.is_file()), None)


def read_columns(path: Path, *required: str) -> pd.DataFrame:
    """Read all cells of a table as text, see `read_cells`.

    Raises:
        UserError: The file is no table, or has not all the required columns.
    """
    cells = read_cells(path)
    for name in required:
        if name not in cells.columns:
            raise UserError(
                f"{path} has no column '{name}', so it is not the official table; "
                f"its columns are {', '.join(cells.columns)}."
            )
    return cells
