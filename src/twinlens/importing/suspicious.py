"""Classes and groups that are hardly what the user means; pure functions of a data set's table."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from twinlens.data.table import COLUMNS
from twinlens.records.dataset import ImportNote

PLACEHOLDERS = {
    "", "-", "--", "?", ".", "/", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "unknown",
    "unk", "missing", "not known", "not available", "unspecified",
}  # fmt: skip
"""Texts that stand for no value, in small letters."""

_FEW_IMAGES = 5  # images or classes below which nothing is said about shares
_SHOWN = 5


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
        yield _note(
            "class", 1, f"All labels are '{names[0]}': enough to pretrain, but a classifier needs "
            "two classes or more."
        )  # fmt: skip
    spellings = same_names(names)
    if spellings:
        listed = "; ".join(" = ".join(map(repr, same)) for same in spellings[:_SHOWN])
        yield _note(
            "class", len(spellings), f"Classes that differ only in their spelling count as "
            f"different ones ({listed}): write each in one way in the source."
        )  # fmt: skip
    several = joined_labels(names)
    if several:
        yield _note(
            "target", len(several), f"Labels such as '{several[0]}' look like several classes of "
            "one image, which is not supported: each such combination counts as a class of its "
            "own. Choose one label for each image."
        )  # fmt: skip
    numbers = [number for number in map(_number, names) if number is not None]
    many = len(names) > _FEW_IMAGES and (counts == 1).sum() > len(names) / 2
    if len(names) > 1 and len(numbers) == len(names):
        if many or any(number % 1 for number in numbers):
            yield _note(
                "target", len(names), f"The labels are {len(names):,} different numbers, from "
                f"{min(numbers):g} to {max(numbers):g}: they look like a quantity to predict "
                "(regression), which is not supported. Choose another column with --label, or "
                "make classes of it."
            )  # fmt: skip
        elif not {*names} <= {*titles}:
            yield _note(
                "class", len(names), f"The classes are numbers ({', '.join(names[:_SHOWN])}): "
                "give them titles with --classes, so that reports can be read."
            )  # fmt: skip
    elif many:
        yield _note(
            "class", len(names), f"Of {len(names):,} classes {(counts == 1).sum():,} have one "
            f"image only, such as '{counts.index[-1]}': they look like cases, not classes. Pass "
            "--kind unlabelled, or a table with --label."
        )  # fmt: skip


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
    names = [name for name, column in attributes.items() if column.isin([0, 1]).all()]
    marks = attributes[names].astype(float).sum(axis=1)
    if len(names) < 2 or not (marks > 0).any():
        return
    listed = ", ".join(map(str, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
    if (marks == 1).all():
        yield _note(
            "column", len(names), f"The columns {listed} look like one-hot classes and were NOT "
            "read as labels: write the name of the class into one column, and name it with --label."
        )  # fmt: skip
    elif len(names) > 2:
        yield _note(
            "target", len(names), f"The columns {listed} look like several labels for each image, "
            "which is not supported: choose one of them with --label."
        )  # fmt: skip


def suspicious_groups(groups: pd.Series, images: int) -> Iterator[ImportNote]:
    """Yield notes on groups that stand for no value, or that hold most of the images.

    Args:
        groups: Group of each image that has one.
        images: Number of all images.
    """
    counts = groups.value_counts()
    empty = [name for name in counts.index if name.strip().casefold() in PLACEHOLDERS]
    for name in [name for name in empty if counts[name] > 1]:
        yield _note(
            "group", int(counts[name]), f"The group '{name}' of {counts[name]:,} images looks like "
            "'not known', but counts as one lesion or patient, which no split divides: leave such "
            "cells blank if these images are of different ones."
        )  # fmt: skip
    largest = int(counts.iloc[0]) if len(counts) else 0
    if images >= _FEW_IMAGES and largest >= images / 2 and counts.index[0] not in empty:
        yield _note(
            "group", largest, f"The group '{counts.index[0]}' holds {largest:,} of {images:,} "
            "images, and no split divides a group: choose another column with --group if it is not "
            "one lesion or patient."
        )  # fmt: skip


def _note(kind: str, count: int, text: str) -> ImportNote:
    return ImportNote.model_validate({"kind": kind, "count": count, "text": text})


def _number(name: str) -> float | None:
    return (
        float(name) if re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", name) else None
    )


def _parts(name: str) -> list[str]:
    listed = re.fullmatch(r"\[(.*)\]", name)
    return (
        re.split(r"""['"\s]*,['"\s]*""", listed[1].strip("'\" "))
        if listed
        else re.split("[|;]", name)
    )
