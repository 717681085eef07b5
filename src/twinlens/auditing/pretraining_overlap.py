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
from twinlens.pretraining.seen_images import read_seen, recognised
from twinlens.records.run import PretrainRun
from twinlens.records.split_audit import PretrainingOverlap, SeenImages
from twinlens.records.weights import HeldOutPart
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
        same, copied = _matches(dataset, run, record)
        seen = _count(dataset, splits, same, copied, links)
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


def _matches(
    dataset: Dataset, run: Path, record: PretrainRun
) -> tuple[Bool[ndarray, " image"], Bool[ndarray, " image"]]:
    """Return which images the pretraining saw, at whatever size, and of which it saw a copy.

    Raises:
        UserError: Neither the images that it saw nor their hashes are there to be compared.
    """
    known = None if dataset.table_only else read_seen(run)
    every_row = np.arange(len(dataset.table))
    same = np.zeros(len(every_row), dtype=bool)
    if known is not None:
        same = recognised(dataset, every_row, known)
    try:
        source, rows = _training_images(run, record)
    except UserError:
        if known is None:
            raise
        return same, same
    if {*dataset.lineage} & {*source.lineage}:
        same = dataset.table["id"].isin(source.table["id"].iloc[rows]).to_numpy()
        return same, same
    if dataset.table_only or source.table_only:
        raise UserError(f"Without images, {dataset.path} and {source.path} cannot be compared.")
    pairs = near_duplicates(dataset.images, every_row, others=Selection(source.images, rows))
    return same, same | np.isin(every_row, pairs["a"])


def _count(
    dataset: Dataset,
    splits: Sequence[Split],
    same: Bool[ndarray, " image"],
    copied: Bool[ndarray, " image"],
    links: pd.DataFrame,
) -> dict[str, dict[HeldOutPart, SeenImages]]:
    """Count the seen images by split and part, with the siblings of copies."""
    groups = merge_groups(dataset.table, links)
    copies = groups.isin(groups[copied]).to_numpy()

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
