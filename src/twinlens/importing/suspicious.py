"""Classes and groups that are hardly what the user means; pure functions of a data set's table."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from twinlens.data.table import COLUMNS
from twinlens.importing.notes import listed, note
from twinlens.records.dataset import ImportNote

PLACEHOLDERS = {
    "", "-", "--", "?", ".", "/", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "unknown",
    "unk", "missing", "not known", "not available", "unspecified",
}  # fmt: skip
"""Texts that stand for no value, in small letters."""

_FEW = 5  # images or classes below which nothing is said about shares
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def suspicions(table: pd.DataFrame, titles: Collection[str] = ()) -> list[ImportNote]:
    """Return what is suspicious about the labels and groups of a table.

    Args:
        table: See `twinlens.data.table`.
        titles: The classes that have a title, so that their names do not matter.
    """
    labels = table["label"].dropna()
    groups = table["group"].where(table["group"] != table["id"]).dropna()
    attributes = table.drop(columns=[*COLUMNS, "split"], errors="ignore")
    return [
        *suspicious_classes(labels, titles),
        *([] if len(labels) else suspicious_columns(attributes)),
        *suspicious_groups(groups, len(table)),
    ]


def suspicious_classes(labels: pd.Series, titles: Collection[str] = ()) -> Iterator[ImportNote]:
    """Yield notes on labels that are several, numbers, ids, or one class in several spellings.

    Args:
        labels: Class of each labelled image, shape (N,).
        titles: The classes that have a title.
    """
    counts = labels.value_counts()
    names = sorted(counts.index)
    if len(names) == 1:
        yield note("one_class", 1, name=names[0])
    spellings = [" = ".join(map(repr, same)) for same in same_names(names)]
    if spellings:
        yield note("spellings", len(spellings), names=listed(spellings))
    several = joined_labels(names)
    if several:
        yield note("several_labels", len(several), example=several[0])
    yield from _numbers_or_cases(counts, titles)


def _numbers_or_cases(counts: pd.Series, titles: Collection[str]) -> Iterator[ImportNote]:
    """Yield a note if the classes are numbers, or mostly of one image.

    Args:
        counts: Number of images of each class.
        titles: The classes that have a title.
    """
    names, single = sorted(counts.index), counts.index[counts == 1]
    numbers = [number for number in map(_number, names) if number is not None]
    lonely = len(names) > _FEW and len(single) > len(names) / 2
    if len(names) > 1 and len(numbers) == len(names):
        if lonely or any(number % 1 for number in numbers):
            yield note("quantity", len(names), lowest=min(numbers), highest=max(numbers))
        elif not {*names} <= {*titles}:
            yield note("numbers", len(names), names=listed(names))
    elif lonely:
        yield note("cases", len(names), single=len(single), example=single[0])


def same_names(names: Sequence[str]) -> list[list[str]]:
    """Return the names that differ only in case, blanks, accents' encoding or as 1 and 1.0."""
    groups = defaultdict(list)
    for name in names:
        number = _number(name)
        letters = unicodedata.normalize("NFKC", name).casefold()
        key = re.sub(r"[\s_-]+", " ", letters).strip() or letters
        groups[repr(number) if number is not None else key].append(name)
    return [same for same in groups.values() if len(same) > 1]


def joined_labels(names: Sequence[str]) -> list[str]:
    """Return the labels that name several classes: ``A|B``, ``A;B`` or ``['A', 'B']``.

    One of the parts must occur in another label, too.
    """
    parts = {name: set(filter(None, map(str.strip, _parts(name)))) for name in names}
    seen = pd.Series([part for found in parts.values() for part in found], dtype=object)
    shared = set(seen[seen.duplicated()])
    return [name for name, found in parts.items() if len(found) > 1 and found & shared]


def suspicious_columns(attributes: pd.DataFrame) -> Iterator[ImportNote]:
    """Yield a note on columns that look like one-hot classes, where no image has a label.

    Args:
        attributes: What else a table tells about the images, shape (N, columns).
    """
    names = [str(name) for name, column in attributes.items() if column.isin([0, 1]).all()]
    marks = attributes[names].astype(float).sum(axis=1)
    if len(names) < 2 or not (marks > 0).any():
        return
    if (marks == 1).all():
        yield note("one_hot", len(names), names=listed(names))
    elif len(names) > 2:
        yield note("label_columns", len(names), names=listed(names))


def suspicious_groups(groups: pd.Series, images: int) -> Iterator[ImportNote]:
    """Yield notes on groups that stand for no value, or that hold most of the images.

    Args:
        groups: Group of each image that has one.
        images: Number of all images.
    """
    counts = groups.value_counts()
    empty = [name for name in counts.index if name.strip().casefold() in PLACEHOLDERS]
    for name in empty:
        if counts[name] > 1:
            yield note("placeholder", int(counts[name]), name=name)
    largest = int(counts.iloc[0]) if len(counts) else 0
    if images >= _FEW and largest >= images / 2 and counts.index[0] not in empty:
        yield note("large_group", largest, name=counts.index[0], images=images)


def _number(name: str) -> float | None:
    return float(name) if _NUMBER.fullmatch(name.strip()) else None


def _parts(name: str) -> list[str]:
    bracketed = re.fullmatch(r"\[(.*)\]", name)
    if bracketed:
        return [part.strip("'\" ") for part in bracketed[1].split(",")]
    return re.split("[|;]", name)
