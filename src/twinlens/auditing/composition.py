"""What each part of a split contains: classes, groups, and the other columns of the table."""

import pandas as pd

from twinlens.auditing.leakage import part_of_each
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, counts
from twinlens.data.table import COLUMNS, SPLITS
from twinlens.records.split_audit import (
    CategoricalAttribute,
    NumericAttribute,
    PartComposition,
)

MAX_CATEGORIES = 40
"""A text column with more values is an identifier or a remark, and is left out."""


def describe_parts(dataset: Dataset, split: Split) -> dict[str, PartComposition]:
    """Describe each part of a split."""
    parts = part_of_each(dataset, split)
    by_class = counts(dataset, split)
    table = dataset.table
    columns = [name for name in table if name not in COLUMNS and _is_attribute(table[name])]
    result = {}
    for part in SPLITS:
        images = table[parts == part]
        sizes = images["group"].value_counts()
        result[part] = PartComposition(
            images=len(images),
            classes=by_class[part],
            groups=len(sizes),
            largest_group=int(sizes.max()) if len(sizes) else 0,
            attributes={str(name): _describe(images[name]) for name in columns},
        )
    return result


def _is_attribute(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.notna().any())
    return 0 < column.nunique() <= MAX_CATEGORIES


def _describe(column: pd.Series) -> NumericAttribute | CategoricalAttribute:
    missing = int(column.isna().sum())
    if not pd.api.types.is_numeric_dtype(column):
        images = {str(value): int(number) for value, number in column.value_counts().items()}
        return CategoricalAttribute(counts=images, missing=missing)
    values = column.dropna().astype(float)
    if values.empty:
        return NumericAttribute(mean=None, sd=None, missing=missing)
    return NumericAttribute(
        mean=float(values.mean()), sd=float(values.std(ddof=0)), missing=missing
    )
