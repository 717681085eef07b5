"""Drawing a split by whole groups: which groups test, validate and train."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from numpy import ndarray
from numpy.typing import NDArray

from twinlens.data.dataset import Dataset
from twinlens.data.groups import groups_of
from twinlens.errors import UserError
from twinlens.records.split import Shares
from twinlens.seeds import generator
from twinlens.splitting.stratify import (
    PARTS,
    TEST,
    TRAIN,
    VAL,
    allocate,
    allocate_folds,
    missing_class_notes,
    rank_in_class,
    stratify,
)

Assignment = NDArray[np.object_]
"""For each image one of `SPLITS`, or None where it is left out."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Labels and groups of the images to split.

    Attributes:
        labels: Class number of each image, -1 without one.
        groups: Number of each image's group.
        count: Number of groups.
        classes: Class names.
    """

    labels: Int[ndarray, " row"]
    groups: Int[ndarray, " row"]
    count: int
    classes: Sequence[str]

    def of_groups(self, members: Bool[ndarray, " group"]) -> "Sample":
        """Return the sample with the labels of these groups alone."""
        return replace(self, labels=np.where(members[self.groups], self.labels, -1))

    def stratified(self, place: Int[ndarray, " group"]) -> pd.DataFrame:
        """Return the groups that have labels as `stratify` lists them."""
        labelled = self.labels >= 0
        return stratify(self.labels[labelled], self.groups[labelled], place)


def sample_of(dataset: Dataset) -> Sample:
    """Return the labels and groups of a data set, groups of near-duplicates merged.

    Raises:
        UserError: It has no labels.
    """
    if (dataset.labels < 0).all():
        raise UserError(f"{dataset.path} has no labels, so there is nothing to split.")
    groups, names = pd.factorize(groups_of(dataset), sort=True)
    return Sample(dataset.labels, groups, len(names), dataset.classes)


def draw(
    sample: Sample,
    place: Int[ndarray, " group"],
    shares: Shares,
    *,
    tested: Bool[ndarray, " group"] | None = None,
) -> tuple[Assignment, list[str]]:
    """Draw a split.

    Args:
        sample: The images to split.
        place: Place of each group in a random order.
        shares: Fractions of the labelled images outside `tested`.
        tested: Groups that are test already.

    Returns:
        Where each image goes, and sentences on classes that are not everywhere.

    Raises:
        UserError: A class got no group in train, though there is one outside `tested`.
    """
    rest = sample if tested is None else sample.of_groups(~tested)
    pairs = rest.stratified(place)
    val, test = shares.val, shares.test or 0.0
    parts = allocate(pairs, sample.count, val=val, test=test)
    wanted = [part for part, part_share in ((TRAIN, 1), (TEST, test), (VAL, val)) if part_share]
    among = "images" if tested is None else "the images outside test"
    notes = missing_class_notes(pairs, parts, wanted, sample.classes, among)
    if tested is not None:
        parts[tested] = TEST
    sides = np.array(PARTS, dtype=object)[parts[sample.groups]]
    notes += _missed_shares(rest, sides, {"test": test, "val": val})
    return assign_parts(sides, sample.labels, place[sample.groups], shares.per_class), notes


def _missed_shares(sample: Sample, sides: Assignment, shares: Mapping[str, float]) -> list[str]:
    """Return a note on each part that has less than half of its share, as groups stay whole."""
    labelled = np.flatnonzero(sample.labels >= 0)
    largest = np.bincount(sample.groups[labelled]).max(initial=0)
    notes = []
    for part, share in shares.items():
        found, wanted = int((sides[labelled] == part).sum()), share * len(labelled)
        if wanted >= 2 and found < wanted / 2:
            notes.append(
                f"In {part} are {found:,} images and not {round(wanted):,} (a share of {share:g}): "
                f"groups stay whole, and the largest has {largest:,} of {len(labelled):,}."
            )
    return notes


def assign_parts(
    sides: Assignment,
    labels: Int[ndarray, " row"],
    order: Int[ndarray, " row"],
    per_class: int | None,
) -> Assignment:
    """Turn the side of each image's group into its split.

    Images of train without a label go to unlabelled, and so do those beyond the first `per_class`
    of their class. Images of val and test without a label are left out.
    """
    split = sides.copy()
    train = np.flatnonzero(sides == "train")
    idle = labels[train] < 0
    if per_class is not None:
        idle |= rank_in_class(labels[train], order[train]) >= per_class
    split[labels < 0] = None
    split[train[idle]] = "unlabelled"
    return split


def fold_of_group(sample: Sample, folds: int, seed: int) -> Int[ndarray, " group"]:
    """Assign the groups that have labels to folds, from 0; the others get -1."""
    place = generator(seed, "folds").permutation(sample.count)
    random = generator(seed, "order of the folds")
    return allocate_folds(sample.stratified(place), sample.count, folds, random)
