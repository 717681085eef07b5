"""Do images of one lesion, or copies of one photograph, lie on two sides of a split?

The sides are val, test, and train with unlabelled.
"""

from typing import Any

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split
from twinlens.data.table import SPLITS

SIDES = {"train": "train", "unlabelled": "train", "val": "val", "test": "test"}


def parts_of(dataset: Dataset, split: Split) -> pd.Series:
    """Return the part of each image, missing where the split leaves it out."""
    parts = pd.Series(None, index=dataset.table.index, dtype="str")
    for part in SPLITS:
        parts.iloc[split.rows[part]] = part
    return parts


def leaks(dataset: Dataset, split: Split, links: pd.DataFrame) -> dict[str, Any]:
    """Find what lies on two sides of a split.

    Args:
        dataset: The images.
        split: Their split.
        links: Exact and near-duplicates: ids in the columns ``a`` and ``b``, and ``found_by``.

    Returns:
        ``groups``: each group on two sides, with its images by part. ``links``: each link between
        two sides, by its place in `links`. ``known``: the share of the val and test images that
        have a sibling or a copy in ``train``, ``unlabelled`` or either (``any``). ``leaking``:
        whether there is any.
    """
    parts = parts_of(dataset, split)
    sides = parts.map(SIDES)
    part_of_id = parts.set_axis(dataset.table["id"])
    ends = pd.DataFrame({end: part_of_id.reindex(links[end]).to_numpy() for end in ("a", "b")})
    there = ends["a"].notna() & ends["b"].notna()
    across = np.flatnonzero(there & (ends["a"].map(SIDES) != ends["b"].map(SIDES)))
    together = merge_groups(dataset.table, links)
    return {
        "groups": _straddling(dataset.table, parts, sides),
        "links": across.tolist(),
        "known": {part: _known(parts, together, part) for part in ("val", "test")},
        "leaking": bool(len(across) or (sides.groupby(together).nunique() > 1).any()),
    }


def _straddling(table: pd.DataFrame, parts: pd.Series, sides: pd.Series) -> list[dict[str, Any]]:
    number = sides.groupby(table["group"]).transform("nunique")
    straddling = table.assign(part=parts)[(number > 1) & parts.notna()]
    return [
        {"group": name, "images": images.groupby("part")["id"].apply(list).to_dict()}
        for name, images in straddling.groupby("group")
    ]


def _known(parts: pd.Series, groups: pd.Series, part: str) -> dict[str, float]:
    """Return the share of a part's images whose group is in train, unlabelled or either."""
    own = groups[parts == part]
    places = {"train": ["train"], "unlabelled": ["unlabelled"], "any": ["train", "unlabelled"]}
    return {
        name: float(own.isin(groups[parts.isin(others)]).mean()) if len(own) else 0.0
        for name, others in places.items()
    }
