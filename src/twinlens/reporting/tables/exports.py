"""Files beside a page: its tables as CSV and LaTeX, its figures as SVG and PDF."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from twinlens.console import progress
from twinlens.files import atomic_folder, write_text
from twinlens.reporting.rendering import Numbered
from twinlens.reporting.tables.latex import tabular
from twinlens.reporting.tables.tables import Table
from twinlens.spreadsheets import without_formulas

TABLES, FIGURES = "tables", "figures"
NOTE = "README.txt"


def export(folder: Path, numbered: Sequence[Numbered]) -> None:
    """Write every named table and figure of a page; the two folders are whole or as before.

    What an earlier report left in them goes.

    Args:
        folder: That of the page.
        numbered: The tables and figures of a page.

    Raises:
        UserError: One of the folders is there and not of a report.
    """
    named = [entry for entry in numbered if entry.name and entry.content]
    with ExitStack() as stack:  # nothing is replaced before all of it is there
        show = stack.enter_context(progress("Writing tables and figures", len(named)))
        for kind, name in (("Table", TABLES), ("Figure", FIGURES)):
            work = stack.enter_context(atomic_folder(folder / name, marker=NOTE, overwrite=True))
            own = [entry for entry in named if entry.kind == kind]
            write_text(work / NOTE, _note(own))
            for entry in own:
                _write(work, entry)
                show(named.index(entry) + 1, entry.name)


def as_csv(table: Table) -> str:
    """Return a table's data frame as CSV, numbers in full precision, empty where there is none."""
    frame = table.frame
    if frame.empty:
        texts = [[cell.text for cell in row] for row in table.rows]
        frame = pd.DataFrame(texts, columns=[head.text for head in table.head])
    return without_formulas(frame).to_csv(index=False, lineterminator="\n")


def _write(folder: Path, entry: Numbered) -> None:
    path = folder / entry.name
    if isinstance(entry.content, Table):
        write_text(path.with_name(f"{entry.name}.csv"), as_csv(entry.content))
        note = f"% Table {entry.number} of the report\n"
        write_text(path.with_name(f"{entry.name}.tex"), note + tabular(entry.content))
    elif entry.content is not None:
        entry.content.save(path)


def _note(named: Sequence[Numbered]) -> str:
    lines = [f"{entry.kind} {entry.number}: {entry.name}" for entry in named]
    first = "Written by 'twinlens report', which replaces this folder: keep nothing else in it."
    return "\n".join([first, "", *lines]) + "\n"
