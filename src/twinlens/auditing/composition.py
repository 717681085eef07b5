"""What is in each part of a split: classes, groups, site, age, sex, whatever is known."""

from typing import Any

import pandas as pd

from twinlens.auditing.leakage import parts_of
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, counts
from twinlens.data.table import COLUMNS, SPLITS

MOST_VALUES = 40
"""An attribute of text with more values is an identifier or a remark, and is left out."""


def composition(dataset: Dataset, split: Split) -> dict[str, Any]:
    """Describe the parts of a split.

    Returns:
        For each of `SPLITS`: ``classes`` (images by class), ``images``, ``groups``,
        ``images_per_group`` (the largest), and ``attributes``: for numbers mean, standard
        deviation and how many are missing, for text the images by value.
    """
    parts = parts_of(dataset, split)
    by_class = counts(dataset, split)
    table = dataset.table
    shown = [name for name in table.columns if name not in COLUMNS and _telling(table[name])]
    result = {}
    for part in SPLITS:
        images = table[parts == part]
        sizes = images["group"].value_counts()
        result[part] = {
            "images": len(images),
            "classes": by_class[part],
            "groups": len(sizes),
            "images_per_group": int(sizes.max()) if len(sizes) else 0,
            "attributes": {name: _describe(images[name]) for name in shown},
        }
    return result


def _telling(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.notna().any())
    return 0 < column.nunique() <= MOST_VALUES


def _describe(column: pd.Series) -> dict[str, Any]:
    missing = {"missing": int(column.isna().sum())}
    if not pd.api.types.is_numeric_dtype(column):
        found = column.value_counts()
        return {"values": {str(value): int(number) for value, number in found.items()}, **missing}
    known = column.dropna().astype(float)
    if known.empty:
        return {"mean": None, "sd": None, **missing}
    return {"mean": float(known.mean()), "sd": float(known.std(ddof=0)), **missing}
