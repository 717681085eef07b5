"""TypiClust: the most typical image of each cluster that has no label yet.

Hacohen, Dekel and Weinshall 2022, "Active Learning on a Budget: Opposite Strategies Suit High and
Low Budgets", ICML, arXiv 2202.02794, algorithm 1.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from sklearn.neighbors import NearestNeighbors

from twinlens.suggesting.clusters import k_means
from twinlens.suggesting.method import Method, Pick, Pool

MAX_CLUSTERS = 500
MIN_SIZE = 5
NEIGHBOURS = 20


def choose(pool: Pool, count: int, seed: int) -> list[Pick]:
    """Return the most typical rows of the clusters; see `Method.choose`.

    There are as many clusters as labelled groups and suggestions together, up to `MAX_CLUSTERS`.
    Those with the fewest labels come first, of these the largest; then again, where more is asked
    for. Clusters smaller than `MIN_SIZE` come last of all, while in the paper they are left out.
    """
    wanted = int(pool.labelled.sum()) + min(count, len(pool.unlabelled))
    k = min(wanted, MAX_CLUSTERS, len(pool.features))
    if not len(pool.unlabelled):
        return []
    cluster = k_means(pool.features, k, seed).labels_
    size = np.bincount(cluster, minlength=k)
    labels = np.bincount(cluster, weights=pool.labelled, minlength=k).astype(int)
    order = np.lexsort((-size, labels, size < MIN_SIZE))
    left = ~pool.labelled
    picks: list[Pick] = []
    while len(picks) < count and left.any():
        for number in order.tolist():
            members = np.flatnonzero((cluster == number) & (left | pool.labelled))
            if len(picks) == count or not left[members].any():
                continue
            found = np.where(left[members], typicality(pool.features[members]), -np.inf)
            best = int(found.argmax())
            left[members[best]] = False
            why = WHY.format(size=size[number], labels=labels[number] or "none")
            picks.append(Pick(int(members[best]), float(found[best]), why))
    return picks


WHY = "typical of {size} similar groups, {labels} of them labelled"


def typicality(features: Float[ndarray, "row feature"]) -> Float[ndarray, " row"]:
    """Return the inverse of the mean distance to the nearest rows (equation 4).

    Their number is `NEIGHBOURS`, or half of the rows if that is less.

    Args:
        features: Of the rows of one cluster.
    """
    k = min(NEIGHBOURS, len(features) // 2)
    if k == 0:
        return np.zeros(len(features))
    distances, _ = NearestNeighbors(n_neighbors=k).fit(features).kneighbors()
    found: Float[ndarray, " row"] = 1 / (distances.mean(axis=1) + 1e-5)
    return found


METHOD = Method("TypiClust", "Hacohen et al. 2022, arXiv 2202.02794", choose, score="typicality")
