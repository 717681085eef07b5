"""Tables as plain rows of cells, what their files hold beside it, and the tables of any page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinlens.records.split_audit import Contamination, HeldOutPart
from twinlens.reporting.figures.style import Mark, arm_mark
from twinlens.reporting.formatting import MISSING, count, listing, plain, share
from twinlens.reporting.study.load_study import StoredStudy, grouped

Record = dict[str, Any]

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
class Table:
    """Column heads and rows of cells.

    `name` is that of its files. `records` is the same in full precision, a mapping a line of the
    CSV file; where there are none, that holds the texts of the cells. Of many rows the page shows
    those in `lead` and folds the others away.
    """

    head: list[Cell]
    rows: list[list[Cell]]
    name: str = ""
    records: Sequence[Record] = ()
    lead: int = 0


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


def without_repeats(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Blank a first cell that says the same as the one above it."""
    above = [None, *(row[0] for row in rows)]
    return [
        [Cell("") if row[0] == last else row[0], *row[1:]]
        for row, last in zip(rows, above, strict=False)
    ]


def counts_table(study: StoredStudy) -> Table | None:
    """Return the number of images by class and split, or None if no run has stored it."""
    return class_counts(study.data.get("counts") or {}, study.classes, study.class_info)


def class_counts(
    counts: Mapping[str, Mapping[str, int]],
    classes: Sequence[str],
    class_info: Mapping[str, Mapping[str, Any]],
) -> Table | None:
    """Return the number of images by class and split, classes of a group together."""
    if not counts:
        return None
    splits = [name for name in _SPLITS if name in counts]
    splits += [name for name in counts if name not in splits]
    known = {fact for info in class_info.values() for fact in info if info[fact]}
    facts = {f: name for f, name in (("title", "Name"), ("group", "Group")) if f in known}
    ordered = [name for names in grouped(classes, class_info).values() for name in names]
    lines = {name: [counts[s].get(name, 0) for s in splits] for name in ordered}
    bare = [sum(n for c, n in counts[s].items() if c not in classes) for s in splits]
    if any(bare):
        lines["without a label"] = bare
    lines["all"] = [sum(counts[s].values()) for s in splits]
    words = {n: [str(class_info.get(n, {}).get(f) or "") for f in facts] for n in lines}
    rows = [
        [Cell(name), *map(Cell, words[name]), *(number(count(n)) for n in line)]
        for name, line in lines.items()
    ]
    records = [
        {"class": name, **dict(zip([*facts, *splits], [*words[name], *line], strict=True))}
        for name, line in lines.items()
    ]
    head = [Cell(name) for name in ("Class", *facts.values())]
    return Table([*head, *(number(plain(name)) for name in splits)], rows, "counts", records)


def contamination_table(contamination: Mapping[HeldOutPart, Contamination]) -> Table:
    """Return the fractions of the val and test images that the training data contain."""
    head = [Cell("Part"), *(number(place) for place in ("in train", "in unlabelled", "in either"))]
    rows = [
        [Cell(part), *(number(share(x)) for x in (of.train, of.unlabelled, of.any))]
        for part, of in contamination.items()
    ]
    records = [{"part": part, **dict(of)} for part, of in contamination.items()]
    return Table(head, rows, "contamination", records)


def records_table(records: Iterable[object], name: str = "") -> Table | None:
    """Return records, such as the test access log, with a column a key.

    A record that is no mapping is written as one sentence.
    """
    entries = [r if isinstance(r, Mapping) else {"what": r} for r in records]
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    if not keys:
        return None
    rows = [[Cell(value_words(entry.get(key, ""))) for key in keys] for entry in entries]
    lines = [{key: entry.get(key, "") for key in keys} for entry in entries]
    return Table([Cell(plain(str(key)).capitalize()) for key in keys], rows, name, lines)


def facts_table(facts: Mapping[str, object], name: str = "") -> Table | None:
    """Return names and values as rows of two cells."""
    rows = [[Cell(plain(str(key))), Cell(value_words(value))] for key, value in facts.items()]
    lines = [{"name": key, "value": value_words(value)} for key, value in facts.items()]
    return Table([], rows, name, lines) if rows else None


def value_words(value: object) -> str:
    """Write any plain value in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(k))} {value_words(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(value_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING if value is None else str(value)
