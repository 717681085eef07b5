"""Has a pretraining seen the images that a split keeps for validation and test?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from twinlens.auditing.duplicates import Selection, near_duplicates
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split, open_split
from twinlens.errors import UserError
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.pretrained_encoder import read_pretraining
from twinlens.records.run import PretrainRun
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
    seen, unknown = None, None
    try:
        seen = _seen(dataset, splits, *_training_images(run, record), links)
    except UserError as error:
        unknown = str(error)
    return PretrainingOverlap(run=str(run), images=record.images, seen=seen, unknown=unknown)


def _training_images(run: Path, record: PretrainRun) -> tuple[Dataset, Rows]:
    """Return the data set that a run was trained on, and the rows that it saw.

    Raises:
        UserError: They are missing or have changed.
    """
    try:
        source = open_dataset(record.data.path)
        rows = IMAGES[record.request.images].rows(open_split(source, record.data.split))
    except UserError as error:
        raise UserError(f"The training data of {run} cannot be opened: {error}") from error
    if record.data.hash not in source.lineage:
        raise UserError(f"{source.path} has changed since {run} was trained on it.")
    return source, rows


def _seen(
    dataset: Dataset, splits: Sequence[Split], source: Dataset, rows: Rows, links: pd.DataFrame
) -> dict[str, dict[HeldOutPart, SeenImages]]:
    """Count the seen images by split and part.

    Raises:
        UserError: Unrelated data sets cannot be compared without images.
    """
    same, copies = _matches(dataset, source, rows, links)

    def count(split: Split, part: HeldOutPart) -> SeenImages:
        members = split.rows[part]
        return SeenImages(
            images=len(members),
            same=int(same[members].sum()),
            copies=int((copies & ~same)[members].sum()),
        )

    return {
        split.name: {"val": count(split, "val"), "test": count(split, "test")} for split in splits
    }


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
    elif dataset.table_only or source.table_only:
        raise UserError(f"Without images, {dataset.path} and {source.path} cannot be compared.")
    else:
        every_row = np.arange(len(dataset.table))
        pairs = near_duplicates(dataset.images, every_row, others=Selection(source.images, rows))
        same, copied = np.zeros(len(every_row), dtype=bool), np.isin(every_row, pairs["a"])
    groups = merge_groups(dataset.table, links)
    return same, groups.isin(groups[copied]).to_numpy()
