"""Similar images: those far nearer to each other in feature space than to other images."""

import numpy as np
import pandas as pd

from twinlens.auditing.duplicates import links_table
from twinlens.auditing.neighbours import Neighbours
from twinlens.records.audit import DEFAULTS


def similar_images(neighbours: Neighbours, threshold: float = DEFAULTS.max_ratio) -> pd.DataFrame:
    """Link images that are far nearer to each other than to their other neighbours.

    Args:
        neighbours: Of each image.
        threshold: See `AuditSettings.max_ratio`.

    Returns:
        A table of `duplicates.LINKS`; the score is 1 minus the ratio. It is empty if images have
        too few neighbours.
    """
    rows, distances = neighbours.rows, neighbours.distances
    if rows.shape[1] < DEFAULTS.neighbours:
        return links_table([], [], "embedding", [], "similar")
    scale = distances[:, -1].clip(min=1e-6)
    ratio = distances / np.sqrt(scale[:, None] * scale[rows])
    a, rank = np.nonzero(ratio < threshold)
    low, high = np.sort([a, rows[a, rank]], axis=0)
    links = links_table(low, high, "embedding", 1 - ratio[a, rank], "similar")
    return links.drop_duplicates(["a", "b"]).sort_values(["a", "b"]).reset_index(drop=True)
