"""Has a pretraining seen the images that a split keeps for validation and test?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from twinlens.auditing.duplicates import near_duplicates
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split, open_split
from twinlens.errors import UserError
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.pretrained_encoder import read_pretraining
from twinlens.records.split_audit import HeldOutPart, PretrainingOverlap, SeenImages
from twinlens.types import Rows


def find_overlap(
    dataset: Dataset, splits: Sequence[Split], run: Path, links: pd.DataFrame
) -> PretrainingOverlap:
    """Find the images of a pretraining among those of val and test.

    Args:
        dataset: The data set that is audited.
        splits: Its splits.
        run: Folder of the pretraining run.
        links: Copies and similar images within the data set: ids in the columns ``a`` and ``b``.

    Raises:
        UserError: The folder holds no pretraining run.
    """
    record = read_pretraining(run)
    overlap = PretrainingOverlap(run=str(run), images=record["images"])
    try:
        source = open_dataset(record["data"]["path"])
        rows = IMAGES[record["config"]["images"]](open_split(source, record["data"]["split"]))
    except UserError as error:
        return _unknown(overlap, f"The training data of {run} cannot be opened: {error}")
    if record["data"]["hash"] not in source.lineage:
        return _unknown(overlap, f"{source.path} has changed since {run} was trained on it.")
    related = {*dataset.lineage} & {*source.lineage}
    if not related and (dataset.table_only or source.table_only):
        return _unknown(overlap, f"Without images, those that {run} saw cannot be identified.")
    same, copies = _matches(dataset, source, rows, links)

    def seen(split: Split, part: HeldOutPart) -> SeenImages:
        members = split.rows[part]
        return SeenImages(
            images=len(members),
            same=int(same[members].sum()),
            copies=int((copies & ~same)[members].sum()),
        )

    by_split: dict[str, dict[HeldOutPart, SeenImages]] = {
        split.name: {"val": seen(split, "val"), "test": seen(split, "test")} for split in splits
    }
    return overlap.model_copy(update={"seen": by_split})


def _unknown(overlap: PretrainingOverlap, reason: str) -> PretrainingOverlap:
    return overlap.model_copy(update={"unknown": reason})


def _matches(
    dataset: Dataset, source: Dataset, rows: Rows, links: pd.DataFrame
) -> tuple[Bool[ndarray, " image"], Bool[ndarray, " image"]]:
    """Return which images the pretraining saw, and of which it saw the image, a copy or a sibling.

    Args:
        dataset: The images.
        source: The data set of the pretraining.
        rows: Rows of `source` that it saw.
        links: As for `find_overlap`.
    """
    if {*dataset.lineage} & {*source.lineage}:
        same = copied = dataset.table["id"].isin(source.table["id"].iloc[rows]).to_numpy()
    else:
        every_row = np.arange(len(dataset.table))
        pairs = near_duplicates(dataset.images, every_row, others=(source.images, rows))
        same, copied = np.zeros(len(every_row), dtype=bool), np.isin(every_row, pairs["a"])
    groups = merge_groups(dataset.table, links)
    return same, groups.isin(groups[copied]).to_numpy()
