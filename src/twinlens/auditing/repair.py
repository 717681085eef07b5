"""A new split in which every group, and all copies of a photograph, lie on one side."""

from collections.abc import Iterable, Sequence
from itertools import chain, count

import pandas as pd

from twinlens.auditing.leakage import SIDES, find_leaks, part_of_each
from twinlens.data.dataset import Dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split, has_split, open_split, split_names, write_split
from twinlens.records.split import Repair


def repair_leaking(dataset: Dataset, leaking: Sequence[Split], links: pd.DataFrame) -> list[Split]:
    """Return a repair of each split that leaks: a new one, unless a clean one exists already."""
    existing = repairs(open_split(dataset, name) for name in split_names(dataset))
    repaired = []
    for split in leaking:
        known = existing.get(split.name)
        fixed = open_split(dataset, known.split) if known and known.hash == split.hash else None
        if fixed is None or find_leaks(dataset, fixed, links).leaking:
            fixed = repair_split(dataset, split, links)
        repaired.append(fixed)
    return repaired


def repair_split(dataset: Dataset, split: Split, links: pd.DataFrame) -> Split:
    """Write a split in which each group that leaks lies on one side.

    Groups, merged where links join them, are moved to the side that has most of their images; of
    equal sides to train, then val. Images moved to the side of train are train if they have a
    label and unlabelled if not; images without a label leave val, test, and the split.

    Args:
        dataset: The images.
        split: The split that leaks. It stays as it is.
        links: As for `find_leaks`.

    Returns:
        The new split, named after the old one.
    """
    parts = part_of_each(dataset, split)
    groups = merge_groups(dataset.table, links)
    straddling = parts.map(SIDES).groupby(groups).transform("nunique") > 1
    moving = pd.DataFrame({"group": groups, "part": parts, "side": parts.map(SIDES)})
    moving = moving[straddling & parts.notna()]
    target = _targets(moving, dataset.table["label"])
    fixed_parts = parts.copy()
    fixed_parts[target.index] = target
    changed = target.notna() & (target != moving["part"])
    moves = (moving["part"] + " to " + target)[changed].value_counts()
    repair = Repair(
        split=_free_name(dataset, f"{split.name}-fixed"),
        repaired=split.name,
        hash=split.hash,
        groups=int(moving["group"].nunique()),
        moved={str(move): int(number) for move, number in moves.items()},
        dropped=int(target.isna().sum()),
        lost=_lost_classes(dataset.table["label"], parts, fixed_parts),
    )
    parts_by_row = fixed_parts.to_numpy(dtype=object)
    notes = [repair_sentence(repair)]
    return write_split(dataset.path, repair.split, parts_by_row, repair, notes=notes)


def repairs(splits: Iterable[Split]) -> dict[str, Repair]:
    """Return the repairs among some splits, by the name of the split that each repairs."""
    methods = [split.record.method for split in splits]
    return {method.repaired: method for method in methods if isinstance(method, Repair)}


def repair_sentence(repair: Repair) -> str:
    """Describe what `repair_split` changed."""
    moved = ", ".join(f"{number:,} from {move}" for move, number in repair.moved.items())
    return (
        f"Groups moved to one side: {repair.groups:,}; images moved: {moved or 'none'}; "
        f"images without a label dropped: {repair.dropped:,}."
        + "".join(
            f" NO IMAGES LEFT in {part}: {', '.join(lost)}." for part, lost in repair.lost.items()
        )
    )


def _targets(moving: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """Return the new part of each image of a straddling group, missing where it is dropped."""
    images = pd.crosstab(moving["group"], moving["side"])
    largest = images.reindex(columns=["train", "val", "test"], fill_value=0).idxmax(axis=1)
    side = moving["group"].map(largest)
    target = moving["part"].where(moving["side"] == side, side)
    unlabelled = labels.isna()[moving.index]
    target = target.mask(unlabelled & (target == "train"), "unlabelled")
    return target.mask(unlabelled & target.isin(["val", "test"]))


def _lost_classes(labels: pd.Series, before: pd.Series, after: pd.Series) -> dict[str, list[str]]:
    """Return by part the classes of which no image is left."""
    lost = {}
    for part in ("train", "val", "test"):
        classes = {*labels[before == part].dropna()} - {*labels[after == part].dropna()}
        if classes:
            lost[part] = sorted(classes)
    return lost


def _free_name(dataset: Dataset, name: str) -> str:
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(free for free in names if not has_split(dataset.path, free))
