"""Extending a split after its data set has grown: every image in the split keeps its part."""

import itertools
import re
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, has_split, listing, open_split
from twinlens.errors import UserError
from twinlens.records.split import (
    ExtendedSplit,
    FoldSplit,
    HeldOutSplit,
    Method,
    Original,
    PresetSplit,
    Shares,
)
from twinlens.seeds import generator
from twinlens.splitting.assignment import (
    Assignment,
    Sample,
    assign_parts,
    fold_of_group,
    sample_of,
)
from twinlens.splitting.holding_out import values_of
from twinlens.splitting.paper import in_table
from twinlens.splitting.plans import Plan, links_used
from twinlens.splitting.stratify import PARTS, TEST, TRAIN, allocate
from twinlens.types import Rows

UNPLACED = -1


@dataclass(frozen=True, eq=False)
class Additions:
    """What was added to a data set since a split was made, row by row.

    Attributes:
        previous: Part of each image in the split; None where it was left out or is new.
        new: Whether the image is new.
        relabelled: Whether an unlabelled image was given a label.
    """

    previous: Assignment
    new: np.ndarray
    relabelled: np.ndarray


def extension_plan(dataset: Dataset, extend: str, seed: int, name: str | None) -> Plan:
    """Plan the extension of a split by what was added to the data set since.

    Args:
        dataset: The data set, grown.
        extend: Name of the split to extend.
        seed: Seed of the draw.
        name: Name of the new split; by default the old one's with the next free number.
    """
    base = open_split(dataset, extend)
    method = ExtendedSplit(
        extends=extend,
        original=_original(base),
        dataset_hash=dataset.hash,
        seed=seed,
        links=links_used(dataset),
    )
    if name is None:
        extended = isinstance(base.record.method, ExtendedSplit)
        stem = re.sub(r"-\d+$", "", extend) if extended else extend
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        name = next(free for free in numbered if _may_be_named(dataset, free, method))
    return Plan(name, method, partial(draw_extension, dataset, base, seed), base.lineage)


def draw_extension(dataset: Dataset, split: Split, seed: int) -> tuple[Assignment, list[str]]:
    """Place what has been added to a data set since a split of it was made.

    New images of a group that was placed follow it; new groups are assigned as the split was drawn.
    An unlabelled image that was given a label takes the side of its group.

    Args:
        dataset: The data set, grown.
        split: The split to extend.
        seed: Seed of the draw.

    Returns:
        Where each image goes, and sentences on what was added.

    Raises:
        UserError: Nothing was added.
    """
    added = _find_additions(dataset, split)
    original = _original(split)
    sample = sample_of(dataset)
    if isinstance(original, PresetSplit):
        sample = replace(sample, labels=np.where(in_table(dataset.table), sample.labels, -1))
    side, straddling = _sides_of_groups(added.previous, sample)
    new_groups = side == UNPLACED
    place = generator(seed, "extend", split.hash).permutation(sample.count)
    side[new_groups] = _allocate(dataset, sample.of_groups(new_groups), original, place)[new_groups]
    part = np.array(PARTS, dtype=object)[side[sample.groups]]
    part = _hold_out(dataset, original, part, straddling[sample.groups])
    moving = added.new | added.relabelled
    trained = added.previous == "train"
    part[~moving & trained] = "train"
    part[~moving & ~trained] = None
    order = np.where(moving, place[sample.groups], UNPLACED)  # who was in train comes first
    part = assign_parts(
        part, sample.labels, order, original.per_class if isinstance(original, Shares) else None
    )
    unchanged = ~moving | (added.relabelled & (part == None))  # noqa: E711, element by element
    part[unchanged] = added.previous[unchanged]
    return part, _notes(split, added, original, int((added.new & straddling[sample.groups]).sum()))


def _original(split: Split) -> Original:
    """Return how a split was made, or the first one of the chain that it extends."""
    method = split.record.method
    return method.original if isinstance(method, ExtendedSplit) else method


def _may_be_named(dataset: Dataset, name: str, method: Method) -> bool:
    """Return whether a name is free, or is that of an equal split."""
    return not has_split(dataset.path, name) or open_split(dataset, name).record.method == method


def _find_additions(dataset: Dataset, split: Split) -> Additions:
    listed = listing(dataset, split.name)
    row = pd.Index(listed["id"]).get_indexer(dataset.table["id"])
    new = row < 0
    previous = listed["split"].astype(object).where(listed["split"].notna(), None).to_numpy()[row]
    previous[new] = None
    relabelled = ~new & ~listed["labelled"].to_numpy()[row] & (dataset.labels >= 0)
    if not (new | relabelled).any():
        raise UserError(
            f"Nothing was added to {dataset.path} since the split '{split.name}' was made: "
            "there is nothing to extend."
        )
    return Additions(previous, new, relabelled)


def _sides_of_groups(previous: Assignment, sample: Sample) -> tuple[Rows, np.ndarray]:
    """Return the part of each group (or `UNPLACED`), and whether it straddles several."""
    sides = {part: number for number, part in enumerate(PARTS)} | {"unlabelled": TRAIN}
    side = pd.Series(previous).map(sides).fillna(UNPLACED).to_numpy(dtype=np.int64)
    placed = side >= 0
    least, most = np.full(sample.count, len(PARTS)), np.full(sample.count, UNPLACED)
    np.minimum.at(least, sample.groups[placed], side[placed])
    np.maximum.at(most, sample.groups[placed], side[placed])
    return most, (most != least) & (most >= 0)


def _allocate(dataset: Dataset, sample: Sample, original: Original, place: Rows) -> Rows:
    """Assign new groups as the split was drawn; all are train where it was not drawn by shares."""
    tested = np.zeros(sample.count, dtype=bool)
    if isinstance(original, FoldSplit):
        tested = fold_of_group(sample, original.folds, original.seed) == original.fold - 1
    if isinstance(original, HeldOutSplit):
        tested[sample.groups[_held_out(dataset, original)]] = True
    pairs = sample.of_groups(~tested).stratified(place)
    val = original.val if isinstance(original, Shares) else 0.0
    test = original.test or 0.0 if isinstance(original, Shares) else 0.0
    parts = allocate(pairs, sample.count, val=val, test=test)
    parts[tested] = TEST
    return parts


def _hold_out(
    dataset: Dataset, original: Original, part: Assignment, straddling: np.ndarray
) -> Assignment:
    """Leave out images whose group is on several sides, or on the wrong one for a site held out."""
    part[straddling] = None
    if isinstance(original, HeldOutSplit):
        part[_held_out(dataset, original) != (part == "test")] = None
    return part


def _held_out(dataset: Dataset, original: HeldOutSplit) -> np.ndarray:
    values = values_of(dataset.table[original.column])
    return (values == original.value).to_numpy(dtype=bool)


def _notes(split: Split, added: Additions, original: Original, straddling: int) -> list[str]:
    notes = [
        f"Extends '{split.name}' by {added.new.sum()} new images and {added.relabelled.sum()} new "
        "labels; what was placed there has stayed."
    ]
    if not isinstance(original, Shares):
        notes.append(
            f"'{split.name}' was not drawn by shares, so new groups went to train, or to "
            "unlabelled where they have no label."
        )
    if straddling:
        notes.append(
            f"New images left out because their groups are on several sides: {straddling}."
        )
    return notes
