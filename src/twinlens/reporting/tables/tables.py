"""Tables: what a file holds as a data frame, what a page shows as cells, and those of any page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from twinlens.records.dataset import ClassInfo
from twinlens.records.split_audit import Contamination
from twinlens.records.weights import HeldOutPart
from twinlens.reporting.figures.style import Mark, arm_mark
from twinlens.reporting.formatting import MISSING, count, listing, plain, share
from twinlens.reporting.study.load_study import StoredStudy, grouped

_NAMED = 8  # arms that a sentence lists
_SPLITS = ("train", "val", "test", "unlabelled")


@dataclass(frozen=True)
class Cell:
    """One entry of a table: its text, a smaller line below, and an arm's mark before it."""

    text: str
    detail: str = ""
    mark: Mark | None = None
    numeric: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a page's table.

    Attributes:
        title: Its head.
        show: From a row to what the page shows of it.
        detail: A smaller line below the head.
        numeric: Whether it is aligned as numbers.
    """

    title: str
    show: Callable[[Any], str | Cell]
    detail: str = ""
    numeric: bool = False

    def cell(self, row: Any) -> Cell:
        """Return the cell of a row."""
        shown = self.show(row)
        return shown if isinstance(shown, Cell) else Cell(shown, numeric=self.numeric)


@dataclass(frozen=True)
class Table:
    """Column heads and rows of cells.

    Attributes:
        head: Heads of the columns; none for names and values.
        rows: Cells, row by row.
        name: Name of its files; empty if it has none.
        frame: What its CSV file holds, in full precision; by default the texts of the cells.
        lead: Number of rows that the page shows of a long table, the others folded away; 0 for all.
    """

    head: list[Cell]
    rows: list[list[Cell]]
    name: str = ""
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    lead: int = 0

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows of the CSV file."""
        return [{str(k): v for k, v in row.items()} for row in self.frame.to_dict("records")]


def key_column(
    title: str, key: str, text: Callable[[Any], str] = str, *, numeric: bool = False
) -> Column:
    """Return a column that shows one value of rows that are mappings."""
    return Column(title, lambda row: text(row[key]), numeric=numeric)


def make_table(
    rows: Iterable[Any],
    columns: Sequence[Column],
    *,
    name: str = "",
    frame: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
) -> Table:
    """Make a table of any rows.

    Args:
        rows: What the columns show.
        columns: The columns of the page.
        name: Name of its files.
        frame: What its CSV file holds; None for the rows, which are then mappings.
    """
    rows = [*rows]
    content = pd.DataFrame(rows if frame is None else frame, dtype=object)
    head = [Cell(c.title, c.detail, numeric=c.numeric) for c in columns]
    return Table(head, [[c.cell(row) for c in columns] for row in rows], name, content)


def number(text: str, detail: str = "") -> Cell:
    """Return a cell that is aligned as a number."""
    return Cell(text, detail, numeric=True)


def arm_cell(study: StoredStudy, arms: Sequence[str], detail: str = "") -> Cell:
    """Return a cell that names arms, with the mark of the first."""
    known = [study.arms.index(arm) for arm in arms if arm in study.arms]
    mark = arm_mark(min(known)) if known else None
    return Cell(arm_titles(study, arms), detail, mark)


def arm_titles(study: StoredStudy, arms: Sequence[str]) -> str:
    """Return the names of arms as a sentence has them, and of very many the first."""
    titles = [study.arm_title(arm) for arm in arms]
    return listing(
        titles if len(titles) <= _NAMED else [*titles[:_NAMED], f"{len(titles) - _NAMED} more"]
    )


def counts_table(study: StoredStudy) -> Table | None:
    """Return the number of images by class and split, or None if no run has stored it."""
    return class_counts(study.data.counts, study.classes, study.class_info) if study.data else None


def class_counts(
    counts: Mapping[str, Mapping[str, int]],
    classes: Sequence[str],
    class_info: Mapping[str, ClassInfo],
) -> Table | None:
    """Return the number of images by class and split, classes of a group together."""
    if not counts:
        return None
    splits = sorted(counts, key=lambda name: _SPLITS.index(name) if name in _SPLITS else 9)
    known = {fact for info in class_info.values() for fact, value in info if value}
    facts = {f: name for f, name in (("title", "Name"), ("group", "Group")) if f in known}
    ordered = [name for names in grouped(classes, class_info).values() for name in names]
    frame = pd.DataFrame({split: counts[split] for split in splits}).fillna(0).astype(int)
    bare = frame.drop(index=ordered, errors="ignore").sum()
    total = frame.sum()
    frame = frame.reindex(ordered, fill_value=0)
    if bare.any():
        frame.loc["without a label"] = bare
    frame.loc["all"] = total
    for place, fact in enumerate(facts):
        words = [getattr(class_info.get(name), fact, None) or "" for name in frame.index]
        frame.insert(place, fact, words)
    columns = [
        key_column("Class", "class"),
        *(key_column(title, fact) for fact, title in facts.items()),
        *(key_column(plain(split), split, count, numeric=True) for split in splits),
    ]
    rows = frame.astype(object).rename_axis("class").reset_index().to_dict("records")
    return make_table(rows, columns, name="counts")


def contamination_table(contamination: Mapping[HeldOutPart, Contamination]) -> Table:
    """Return the fractions of the val and test images that the training data contain."""
    places = {"train": "in train", "unlabelled": "in unlabelled", "any": "in either"}
    columns = [
        key_column("Part", "part"),
        *(key_column(title, key, share, numeric=True) for key, title in places.items()),
    ]
    rows = [{"part": part, **dict(fractions)} for part, fractions in contamination.items()]
    return make_table(rows, columns, name="contamination")


def records_table(records: Iterable[object], name: str = "") -> Table | None:
    """Return records, such as the test access log, with one column per key.

    A record that is no mapping is written as one sentence.
    """
    entries = [r if isinstance(r, Mapping) else {"what": r} for r in records]
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    if not keys:
        return None
    rows = [{key: entry.get(key, "") for key in keys} for entry in entries]
    columns = [key_column(plain(str(key)).capitalize(), key, value_words) for key in keys]
    return make_table(rows, columns, name=name)


def facts_table(facts: Mapping[str, object], name: str = "") -> Table | None:
    """Return names and values as rows of two cells."""
    lines = [{"name": key, "value": value_words(value)} for key, value in facts.items()]
    rows = [[Cell(plain(str(line["name"]))), Cell(line["value"])] for line in lines]
    return Table([], rows, name, pd.DataFrame(lines, dtype=object)) if rows else None


def value_words(value: object) -> str:
    """Write any plain value in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(k))} {value_words(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(value_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING if value is None else str(value)
