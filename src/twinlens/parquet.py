"""Tables that Twinlens stores, as Parquet files: whole or not there, read or refused."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa

from twinlens.errors import UserError
from twinlens.files import atomic_file

AGAIN = "make it again with the command that made it"


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, whole or not at all."""
    with atomic_file(path) as temporary:
        table.to_parquet(temporary, index=False)


def read_table(
    path: Path,
    columns: Collection[str] = (),
    *,
    names: Collection[str] = (),
    mend: str = AGAIN,
) -> pd.DataFrame:
    """Read a table.

    Args:
        path: The file.
        columns: Columns that it has; it may have others.
        names: Those among them that hold text in every row.
        mend: What to do where it is damaged, for the error.

    Raises:
        UserError: The file is missing or damaged, or lacks a column or a name.
    """
    try:
        table = pd.read_parquet(path)
        for name, kind in table.dtypes.items():
            if isinstance(kind, pd.StringDtype):  # Arrow asks only where it is used if it is text
                pa.array(table[name]).validate(full=True)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: {mend}.") from error
    except Exception as error:  # a damaged file can make Arrow raise anything
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path} is damaged ({error}): {mend}.") from error
    lacking = [name for name in columns if list(table).count(name) != 1]
    if lacking:
        raise UserError(f"{path} is damaged (it has no one column '{lacking[0]}'): {mend}.")
    for name in names:
        if table[name].isna().any() or not pd.api.types.is_string_dtype(table[name]):
            raise UserError(f"{path} is damaged ('{name}' is not text in every row): {mend}.")
    return table
