"""Similar images: those far nearer to each other in feature space than to other images."""

import numpy as np
import pandas as pd

from twinlens.auditing.duplicates import links_table
from twinlens.auditing.neighbours import NEIGHBOURS, Neighbours

MAX_RATIO = 0.5
"""Two images are linked if the ratio of their distance to the distance of either to its tenth
neighbour (the geometric mean of the two) is smaller: the ratio test of Lowe (2004), which does
not depend on the encoder's scale."""


def similar_images(neighbours: Neighbours, threshold: float = MAX_RATIO) -> pd.DataFrame:
    """Link images that are far nearer to each other than to their other neighbours.

    Args:
        neighbours: Of each image.
        threshold: See `MAX_RATIO`.

    Returns:
        A table of `duplicates.LINKS`; the score is 1 minus the ratio. It is empty if images have
        fewer than `NEIGHBOURS` neighbours.
    """
    rows, distances = neighbours.rows, neighbours.distances
    if rows.shape[1] < NEIGHBOURS:
        return links_table([], [], "embedding", [], "similar")
    scale = distances[:, -1].clip(min=1e-6)
    ratio = distances / np.sqrt(scale[:, None] * scale[rows])
    a, rank = np.nonzero(ratio < threshold)
    low, high = np.sort([a, rows[a, rank]], axis=0)
    links = links_table(low, high, "embedding", 1 - ratio[a, rank], "similar")
    return links.drop_duplicates(["a", "b"]).sort_values(["a", "b"]).reset_index(drop=True)
