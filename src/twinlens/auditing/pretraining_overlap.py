"""Did a pretraining see the images that a split keeps for validation and test?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twinlens.auditing.duplicates import near_duplicates
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.groups import merge_groups
from twinlens.data.splits import Split, open_split
from twinlens.errors import UserError
from twinlens.finetuning.initial_encoder import read_pretraining
from twinlens.pretraining.images import IMAGES
from twinlens.types import Rows


def seen_in_pretraining(
    dataset: Dataset, splits: Sequence[Split], folder: Path, links: pd.DataFrame
) -> dict[str, Any]:
    """Look for a pretraining's images among those of val and test.

    Args:
        dataset: The data set that is audited.
        splits: Its splits.
        folder: The pretraining run.
        links: Near-duplicates within the data set: ids in the columns ``a`` and ``b``.

    Returns:
        ``run``, ``images`` (how many it saw), and by split and part the number of ``same`` images,
        and of those with a ``copy`` or sibling among what it saw; or ``unknown``, a sentence.

    Raises:
        UserError: The folder is no pretraining run.
    """
    run = read_pretraining(folder)
    result: dict[str, Any] = {"run": str(folder), "images": run["images"]}
    try:
        theirs = open_dataset(run["data"]["path"])
        rows = IMAGES[run["config"]["images"]](open_split(theirs, run["data"]["split"]))
    except UserError as error:
        return result | {"unknown": f"What {folder} was trained on cannot be opened: {error}"}
    if run["data"]["hash"] not in theirs.lineage:
        return result | {"unknown": f"{theirs.path} is no longer what {folder} was trained on."}
    akin = {*dataset.lineage} & {*theirs.lineage}
    if not akin and (dataset.table_only or theirs.table_only):
        return result | {"unknown": f"Without images, those that {folder} saw cannot be told."}
    same, copies = _matches(dataset, theirs, rows, links)
    found = {
        split.name: {
            part: {
                "images": len(split.rows[part]),
                "same": int(same[split.rows[part]].sum()),
                "copy": int((copies & ~same)[split.rows[part]].sum()),
            }
            for part in ("val", "test")
        }
        for split in splits
    }
    return result | {"seen": found}


def _matches(
    dataset: Dataset, theirs: Dataset, rows: Rows, links: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Tell for each image whether the pretraining saw it, and whether it saw a copy or sibling."""
    if {*dataset.lineage} & {*theirs.lineage}:
        same = copied = dataset.table["id"].isin(theirs.table["id"].iloc[rows]).to_numpy()
    else:
        mine = np.arange(len(dataset.table))
        found = near_duplicates(dataset.images, mine, others=(theirs.images, rows))
        same, copied = np.zeros(len(mine), dtype=bool), np.isin(mine, found["a"])
    groups = merge_groups(dataset.table, links)
    return same, groups.isin(groups[copied]).to_numpy()
