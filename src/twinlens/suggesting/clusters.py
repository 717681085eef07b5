"""k-means of features."""

import warnings

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

FEW = 50
"""Up to so many clusters are found with all images in every step."""


def k_means(
    features: Float[ndarray, "row feature"],
    clusters: int,
    seed: int,
    weights: Float[ndarray, " row"] | None = None,
) -> KMeans:
    """Fit k-means, on mini-batches where there are many clusters.

    Args:
        features: Of the rows.
        clusters: Their number, at most that of the rows; fewer are filled if rows are equal.
        seed: Of the initial centres.
        weights: Of the rows; by default equal.
    """
    kind = KMeans if clusters <= FEW else MiniBatchKMeans
    model = kind(clusters, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal rows
        return model.fit(np.asarray(features, dtype=np.float32), sample_weight=weights)
