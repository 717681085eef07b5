"""The table of images: one row per image, its row number the image's number in the pack.

Columns: ``id`` (unique), ``label`` (class name, missing where unlabelled), ``group`` (what must
stay whole in a split: one lesion or patient; the id where unknown), then whatever else is
known about an image. A split is not a column: it has its own, immutable file.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from twinlens.errors import UserError, unknown

SPLITS = ("train", "val", "test", "unlabelled")

COLUMNS = ("id", "label", "group")

_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing", "holdout"),
    "unlabelled": ("unlabelled", "unlabeled"),
}
_SPLIT_OF_SPELLING = {name: split for split, names in _SPELLINGS.items() for name in names}


def arrange(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `COLUMNS` first, missing groups filled and rows numbered from 0.

    Whole numbers too large for a column of 64 bits become text.

    Raises:
        UserError: Two rows share an id.
    """
    repeated = table["id"][table["id"].duplicated()]
    if len(repeated):
        raise UserError(
            f"The image id '{repeated.iloc[0]}' is not unique: give each image its own."
        )
    attributes = [name for name in table.columns if name not in COLUMNS]
    result = table[[*COLUMNS, *attributes]].reset_index(drop=True)
    result["group"] = result["group"].fillna(result["id"])
    for name in attributes:
        column = result[name]
        if column.dtype == object and pd.api.types.infer_dtype(column) == "integer":
            result[name] = column.map(str, na_action="ignore")
    return result


def split_of(name: str) -> str | None:
    """Return which of `SPLITS` a common spelling means, such as Training or VALID; else None.

    A word for what a split is made of may follow, as in ``test_set`` or ``train-images``.
    """
    letters = re.sub(r"[\W_]+", "", name).casefold()
    return _SPLIT_OF_SPELLING.get(re.sub(r"(?<=.)(set|data|images|imgs)$", "", letters))


def map_splits(names: pd.Series, split_map: Mapping[str, str]) -> pd.Series:
    """Translate a column of split names into `SPLITS`; blank cells stay missing.

    Args:
        names: The names as the source has them, in any spelling that `split_of` knows.
        split_map: From the source's names to `SPLITS`, for example ``{"pool": "unlabelled"}``.

    Raises:
        UserError: A name is neither a split's nor mapped to one.
    """
    for target in split_map.values():
        if target not in SPLITS:
            raise unknown("split in --split-map", target, SPLITS)
    mapped = names.map(lambda name: split_map.get(name) or split_of(name), na_action="ignore")
    strange = names[names.notna() & mapped.isna()].unique()
    if len(strange):
        listed = ", ".join(f"'{name}'" for name in strange[:5])
        raise UserError(
            f"Unknown split names in the source: {listed}; splits are {', '.join(SPLITS)}: "
            f"say what each means, as in --split-map {strange[0]}=unlabelled, or use no column "
            'for it with --split "".'
        )
    return mapped


def table_digest(table: pd.DataFrame) -> str:
    """Return the hex digest of a table's content, however it is stored."""
    sink = _Sink()
    with io.TextIOWrapper(io.BufferedWriter(sink), encoding="utf-8", newline="") as text:
        table.to_csv(text, index=False, lineterminator="\n")
    return sink.digest.hexdigest()


class _Sink(io.RawIOBase):
    """A file of which nothing is kept but the digest, so that a table is never held as text."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.digest.update(content)
        return len(content)
