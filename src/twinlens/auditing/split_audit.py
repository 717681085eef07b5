"""The audit of one split."""

import pandas as pd

from twinlens.auditing.composition import describe_parts
from twinlens.auditing.leakage import find_leaks, part_of_each
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.records.split_audit import SplitAudit


def audit_split(dataset: Dataset, split: Split, links: pd.DataFrame) -> SplitAudit:
    """Describe a split and find what leaks in it.

    Args:
        dataset: The images.
        split: Their split.
        links: As for `leakage.find_leaks`.
    """
    parts = part_of_each(dataset, split).set_axis(dataset.table["id"])
    linked = pd.unique(links[["a", "b"]].to_numpy().ravel())
    return SplitAudit(
        hash=split.hash,
        composition=describe_parts(dataset, split),
        leaks=find_leaks(dataset, split, links),
        linked_images={
            str(image): None if pd.isna(part) else str(part)
            for image, part in parts[linked].items()
        },
    )
