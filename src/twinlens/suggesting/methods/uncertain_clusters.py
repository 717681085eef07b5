"""Uncertain and diverse: k-means weighted by uncertainty, and the image nearest to each centre.

Zhdanov 2019, "Diverse mini-batch Active Learning", arXiv 1901.05954, sections 3.2 and 3.3.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.suggesting.clusters import k_means
from twinlens.suggesting.method import Method, Pick, Pool

PREFILTER = 10
"""Beta: so many times as many uncertain images are clustered as are suggested."""

WHY = "uncertain between two classes, and unlike the other suggestions"


def choose(pool: Pool, count: int, seed: int) -> list[Pick]:
    """Return the rows nearest to the centres, the most uncertain first; see `Method.choose`."""
    assert pool.probabilities is not None
    rows, weight = pool.unlabelled, uncertainty(pool.probabilities)
    rows = rows[np.argsort(-weight[rows], kind="stable")][: PREFILTER * count]
    k = min(count, len(rows))
    if k == 0:
        return []
    distance = k_means(pool.features[rows], k, seed, weight[rows] + 1e-6).transform(
        pool.features[rows].astype(np.float32)
    )
    taken: list[int] = []
    for centre in range(k):  # a row can be the nearest to several
        distance[taken, centre] = np.inf
        taken.append(int(distance[:, centre].argmin()))
    chosen = sorted(taken)  # rows are in the order of their uncertainty
    return [Pick(int(rows[n]), float(weight[rows[n]]), WHY) for n in chosen]


def uncertainty(p: Float[ndarray, "row class"]) -> Float[ndarray, " row"]:
    """Return 1 - (largest - second largest probability): 1 where two classes tie (section 3.2)."""
    if p.shape[1] < 2:
        return np.zeros(len(p))
    ordered = np.sort(p, axis=1)
    found: Float[ndarray, " row"] = 1 - (ordered[:, -1] - ordered[:, -2])
    return found


METHOD = Method(
    "Uncertainty-weighted clusters",
    "Zhdanov 2019, arXiv 1901.05954",
    choose,
    score="uncertainty",
    needs_model=True,
)
