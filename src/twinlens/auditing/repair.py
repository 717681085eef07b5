"""A new split in which no group, and no near-duplicates, lie on two sides."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from twinlens.auditing.leakage import SIDES, parts_of
from twinlens.data.dataset import Dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split, has_split, write_split


def repair(dataset: Dataset, split: Split, links: pd.DataFrame) -> tuple[Split, dict[str, Any]]:
    """Write a split in which groups that leak lie whole on one side.

    Images of one lesion, and of lesions that links unite, go to the side that has most of them; of
    equal ones to train, then val. Those that move to the side of train are train if they have a
    label and unlabelled if not; without a label they leave val and test, and the split.

    Args:
        dataset: The images.
        split: The split that leaks. It stays as it is.
        links: As for `leaks`.

    Returns:
        The new split, named after the old one, and what was done: the number of ``groups``, and of
        images by ``moved`` ("test to train") and ``dropped``, and by part the classes ``lost``.
    """
    parts = parts_of(dataset, split)
    together = merge_groups(dataset.table, links)
    straddling = parts.map(SIDES).groupby(together).transform("nunique") > 1
    moving = pd.DataFrame({"group": together, "part": parts, "side": parts.map(SIDES)})
    moving = moving[straddling & parts.notna()]
    side = moving["group"].map(_most(moving, "side", ["train", "val", "test"]))
    target = moving["part"].where(moving["side"] == side, side)
    bare = dataset.table["label"].isna()[moving.index]
    target = target.mask(bare & (target == "train"), "unlabelled")
    target = target.mask(bare & target.isin(["val", "test"]))
    fixed = parts.copy()
    fixed[target.index] = target
    changed = target.notna() & (target != moving["part"])
    moves = (moving["part"] + " to " + target)[changed].value_counts()
    done = {
        "groups": int(moving["group"].nunique()),
        "moved": {str(move): int(number) for move, number in moves.items()},
        "dropped": int(target.isna().sum()),
        "lost": _lost(dataset.table["label"], parts, fixed),
    }
    how = {"repaired": split.name, "hash": split.hash, **done}
    info = {"how": how, "notes": [in_words(done)]}
    name = _free_name(dataset, f"{split.name}-fixed")
    return write_split(dataset.path, name, fixed.to_numpy(dtype=object), info), done


def repairs(splits: Iterable[Split]) -> dict[str, dict[str, Any]]:
    """Return by repaired split which of these repairs it: ``split``, and the rest of ``how``."""
    made = {split.name: split.info.get("how") for split in splits}
    return {
        str(how["repaired"]): {"split": name, **how}
        for name, how in made.items()
        if isinstance(how, dict) and "repaired" in how
    }


def in_words(done: dict[str, Any]) -> str:
    """Say in a sentence what `repair` did."""
    moved = ", ".join(f"{number:,} from {move}" for move, number in done["moved"].items())
    return (
        f"Groups on two sides that were united: {done['groups']:,}; images moved: "
        f"{moved or 'none'}; dropped for want of a label: {done['dropped']:,}."
        + "".join(f" NONE LEFT in {part}: {', '.join(of)}." for part, of in done["lost"].items())
    )


def _lost(labels: pd.Series, before: pd.Series, after: pd.Series) -> dict[str, list[str]]:
    """Return by part the classes of which it has no image left."""
    lost = {
        part: sorted({*labels[before == part].dropna()} - {*labels[after == part].dropna()})
        for part in ("train", "val", "test")
    }
    return {part: classes for part, classes in lost.items() if classes}


def _most(images: pd.DataFrame, column: str, order: list[str]) -> pd.Series:
    """Return for each group the value that most of its images have; of equal ones the first."""
    table = pd.crosstab(images["group"], images[column]).reindex(columns=order, fill_value=0)
    return table.idxmax(axis=1)


def _free_name(dataset: Dataset, name: str) -> str:
    number, free = 1, name
    while has_split(dataset.path, free):
        number, free = number + 1, f"{name}-{number + 1}"
    return free
