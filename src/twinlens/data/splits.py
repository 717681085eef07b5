"""Splits of a data set: which images train, validate and test.

A split is a pair of files beside the data set that never change: ``splits/NAME.parquet`` says
which image is in which of `SPLITS` (missing where it is left out) and whether it was labelled,
``splits/NAME.json`` how that came about, with a hash over it.

No group lies on two sides, where the sides are val, test, and train with unlabelled: images that
go unlabelled only because of a label fraction may be siblings of training images.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twinlens.data.dataset import MARKER, TABLE, Dataset
from twinlens.data.table import SPLITS
from twinlens.errors import UserError, unknown
from twinlens.parquet import read_table, write_table
from twinlens.records.dataset import DatasetRecord
from twinlens.records.split import Method, SplitRecord, TuningFold
from twinlens.types import Rows

FOLDER = "splits"
NO_LABEL = "no label"
TUNING = "tuning/"
"""Begins the names of the splits within the training images that a search of settings makes. They
are no choice for anything else, so they are not listed."""


@dataclass(frozen=True, eq=False)
class Split:
    """An opened split.

    Attributes:
        record: Content of the JSON file.
        rows: Sorted row numbers for each of `SPLITS`.
    """

    record: SplitRecord
    rows: dict[str, Rows]

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def hash(self) -> str:
        """Digest of which image is in which part."""
        return self.record.hash

    @property
    def labelled(self) -> int:
        """Number of labelled training images, of which a run's may be a fraction."""
        method = self.record.method
        return method.labelled if isinstance(method, TuningFold) else len(self.rows["train"])

    @property
    def lineage(self) -> list[str]:
        """Its hash, and those of the splits that it extends: nothing has moved since."""
        return [self.hash, *self.record.previous_hashes]


def split_names(dataset: Dataset) -> list[str]:
    """Return the names of a data set's splits, sorted."""
    return sorted(path.stem for path in (dataset.path / FOLDER).glob("*.json"))


def open_split(dataset: Dataset, name: str | None = None) -> Split:
    """Open a split and verify its hash.

    Args:
        dataset: The data set it belongs to.
        name: Its name; None for the only one there is, or the only one with training labels.

    Raises:
        UserError: There is no such split, none or several to choose from, or it was changed.
    """
    names = split_names(dataset)
    if not names:
        raise UserError(f"{dataset.path} has no split yet: make one with 'twinlens split'.")
    name = name or _only_one(dataset, names)
    if name not in names and not (name.startswith(TUNING) and has_split(dataset.path, name)):
        raise unknown("split", name, names)
    assignment, marker = _paths(dataset.path, name)
    record = SplitRecord.read(marker)
    table = listing(dataset, name)
    table = table[table["split"].notna()]
    if _hash(table) != record.hash:
        raise UserError(
            f"The split file {assignment} was changed after it was made (its hash differs): "
            "restore it, or make a new split under another name."
        )
    rows = pd.Index(dataset.table["id"]).get_indexer(table["id"])
    if (rows < 0).any():
        stranger = table["id"][rows < 0].iloc[0]
        raise UserError(
            f"The split file {assignment} lists the image '{stranger}', which {dataset.path} "
            "does not hold: it belongs to another data set."
        )
    return Split(record, {s: np.sort(rows[table["split"] == s]) for s in SPLITS})


def listing(dataset: Dataset, name: str) -> pd.DataFrame:
    """Read a split as it was made: ``id``, ``split`` and ``labelled`` of every image.

    Raises:
        UserError: The file is damaged.
    """
    path = _paths(dataset.path, name)[0]
    mend = "restore it, or make a new split under another name"
    return read_table(path, ("id", "split", "labelled"), names=("id",), mend=mend)


def has_split(folder: Path, name: str) -> bool:
    """Return whether a data set has a split of this name.

    Raises:
        UserError: No split can have this name.
    """
    if not re.fullmatch(r"\w[\w.-]*", name.removeprefix(TUNING)):
        raise UserError(f"'{name}' cannot name a split: use letters, digits, '.', '-' and '_'.")
    return _paths(folder, name)[1].exists()


def write_split(
    folder: Path,
    name: str,
    split_of_row: Sequence[str | None] | NDArray[np.object_],
    method: Method,
    *,
    notes: Sequence[str] = (),
    previous_hashes: Sequence[str] = (),
) -> Split:
    """Write a split that is there for good.

    Args:
        folder: Folder of the data set; its table is there already.
        name: Name of the split: letters, digits, dot, dash, underscore.
        split_of_row: One of `SPLITS` for each row of the table; missing: the image is left out.
        method: How it was made.
        notes: Sentences for the user.
        previous_hashes: Hashes of the splits that it extends, the latest first.

    Raises:
        UserError: The name is taken or cannot be a file's, a split's name is unknown, or an image
            without label is to be trained or tested on.
    """
    if has_split(folder, name):
        raise UserError(f"The split '{name}' of {folder} exists already: choose another name.")
    assignment, marker = _paths(folder, name)
    table = read_table(folder / TABLE)[["id", "label", "group"]]
    table["split"] = pd.Series(np.array(split_of_row, dtype=object), dtype="str")
    kept = table[table["split"].notna()]
    _check(name, kept)
    rows = {s: np.flatnonzero(table["split"] == s) for s in SPLITS}
    dropped = len(table) - len(kept)
    record = SplitRecord(
        name=name,
        hash=_hash(kept),
        method=method,
        counts=_counts(table["label"], DatasetRecord.read(folder / MARKER).classes, rows),
        dropped=dropped,
        notes=[*notes, *_notes(kept, dropped)],
        previous_hashes=list(previous_hashes),
    )
    write_table(assignment, table[["id", "split"]].assign(labelled=table["label"].notna()))
    record.write(marker)
    return Split(record, rows)


def unlabelled_rows(split: Split) -> Rows:
    """Return the sorted rows for pretraining: train and unlabelled, labels ignored."""
    return np.sort(np.concatenate([split.rows["train"], split.rows["unlabelled"]]))


def counts(dataset: Dataset, split: Split) -> dict[str, dict[str, int]]:
    """Count the images of each class in each of `SPLITS`.

    Images of the unlabelled split count for their class where it is known, though nothing uses
    it, and as "no label" elsewhere: a split's counts add up to its images.
    """
    return _counts(dataset.table["label"], dataset.classes, split.rows)


def _only_one(dataset: Dataset, names: list[str]) -> str:
    """Return the only split, or the only one with training labels."""
    if len(names) == 1:
        return names[0]
    records = [SplitRecord.read(_paths(dataset.path, name)[1]) for name in names]
    training = [record.name for record in records if any(record.counts["train"].values())]
    if len(training) != 1:
        raise UserError(
            f"{dataset.path} has several splits: choose one with --split, in a study with the key "
            f"split: {', '.join(names)}."
        )
    return training[0]


def _counts(
    labels: pd.Series, classes: Sequence[str], rows: dict[str, Rows]
) -> dict[str, dict[str, int]]:
    result = {}
    for split, members in rows.items():
        found = labels.iloc[members].astype(object).fillna(NO_LABEL).value_counts()
        shown = [*classes, NO_LABEL] if NO_LABEL in found else classes
        result[split] = {name: int(found.get(name, 0)) for name in shown}
    return result


def _check(name: str, kept: pd.DataFrame) -> None:
    strange = kept["split"][~kept["split"].isin(SPLITS)]
    if len(strange):
        raise unknown("split", strange.iloc[0], SPLITS)
    bare = kept["id"][kept["label"].isna() & (kept["split"] != "unlabelled")]
    if len(bare):
        raise UserError(
            f"The split '{name}' puts {len(bare)} images without a label, such as "
            f"'{bare.iloc[0]}', into train, val or test: label them or make them 'unlabelled'."
        )


def _notes(kept: pd.DataFrame, dropped: int) -> list[str]:
    """Say what a user should know; groups on more than one side come from imported splits."""
    notes = []
    if dropped:
        notes.append(f"Images left out of the split: {dropped}.")
    sides = kept["split"].replace({"unlabelled": "train"})
    straddling = int((sides.groupby(kept["group"]).nunique() > 1).sum())
    if straddling:
        test = kept["group"][kept["split"] == "test"]
        known = test.isin(kept["group"][kept["split"] == "train"]).mean() if len(test) else 0
        notes.append(
            f"Groups with images on more than one side of the split: {straddling}. "
            f"Of the test images, {known:.1%} share a group with a training image. "
            "Results on val and test may look better than they are."
        )
    return notes


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / FOLDER / f"{name}.parquet", folder / FOLDER / f"{name}.json"


def _hash(table: pd.DataFrame) -> str:
    text = "\n".join((table["id"] + "\t" + table["split"].astype(str)).tolist())
    return hashlib.sha256(text.encode()).hexdigest()
