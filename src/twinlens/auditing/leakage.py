"""Do images of one group, or copies of one photograph, lie on several sides of a split?

The sides are val, test, and train with unlabelled.
"""

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split
from twinlens.data.table import SPLITS
from twinlens.records.split_audit import Contamination, Leaks, StraddlingGroup

SIDES = {"train": "train", "unlabelled": "train", "val": "val", "test": "test"}


def part_of_each(dataset: Dataset, split: Split) -> pd.Series:
    """Return the part of each image, missing where the split leaves it out."""
    parts = pd.Series(None, index=dataset.table.index, dtype="str")
    for part in SPLITS:
        parts.iloc[split.rows[part]] = part
    return parts


def find_leaks(dataset: Dataset, split: Split, links: pd.DataFrame) -> Leaks:
    """Find groups and linked images that lie on several sides of a split.

    Args:
        dataset: The images.
        split: Their split.
        links: Copies and similar images: ids in the columns ``a`` and ``b``. Groups that a link
            joins count as one group for `Leaks.contamination`.
    """
    parts = part_of_each(dataset, split)
    sides = parts.map(SIDES)
    side_of_id = sides.set_axis(dataset.table["id"])
    a, b = (side_of_id.reindex(links[end]).to_numpy(dtype=object) for end in ("a", "b"))
    across = np.flatnonzero(pd.notna(a) & pd.notna(b) & (a != b))
    merged = merge_groups(dataset.table, links)
    return Leaks(
        leaking=bool(len(across) or (sides.groupby(merged).nunique() > 1).any()),
        groups=_straddling_groups(dataset.table, parts, sides),
        links=across.tolist(),
        contamination={
            "val": _contamination(parts, merged, "val"),
            "test": _contamination(parts, merged, "test"),
        },
    )


def _straddling_groups(
    table: pd.DataFrame, parts: pd.Series, sides: pd.Series
) -> list[StraddlingGroup]:
    number_of_sides = sides.groupby(table["group"]).transform("nunique")
    straddling = table.assign(part=parts)[(number_of_sides > 1) & parts.notna()]
    return [
        StraddlingGroup(
            group=str(name),
            images={str(part): [*ids] for part, ids in images.groupby("part")["id"]},
        )
        for name, images in straddling.groupby("group")
    ]


def _contamination(parts: pd.Series, groups: pd.Series, part: str) -> Contamination:
    """Return the fractions of a part's images whose group is in train, unlabelled or either."""
    groups_of_part = groups[parts == part]

    def fraction(training: list[str]) -> float:
        shared = groups_of_part.isin(groups[parts.isin(training)])
        return float(shared.mean()) if len(shared) else 0.0

    return Contamination(
        train=fraction(["train"]),
        unlabelled=fraction(["unlabelled"]),
        any=fraction(["train", "unlabelled"]),
    )
