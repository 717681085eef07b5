"""CSV files that a spreadsheet opens without running what a name in them says."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def escaped(cell: Any) -> Any:
    """Return a cell with an apostrophe before text that a spreadsheet would take for a formula.

    That is what begins with =, +, -, @, a tab or a carriage return and is no number (OWASP, "CSV
    Injection"). Other values are returned as they are.
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def without_formulas(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table for a CSV file: names of columns and text cells are `escaped`."""
    import pandas as pd  # not needed to start the command line

    safe = table.copy()
    for name, column in table.select_dtypes(exclude=["number", "bool"]).items():
        safe[name] = pd.Series([*map(escaped, column)], column.index, dtype=object)
    return safe.rename(columns=escaped)
