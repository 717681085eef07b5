"""Nearest neighbours of images in an encoder's feature space.

Features are whitened by their principal components, since otherwise a few directions that all
images share dominate every distance. Neighbours are found without comparing all pairs: features
are clustered, and a cluster is compared with the clusters nearest to it only (an inverted file:
Jégou, Douze & Schmid 2011, "Product quantization for nearest neighbor search", without the
quantisation).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA

from twinlens.console import progress
from twinlens.records.audit import DEFAULTS
from twinlens.seeds import generator

_DIMENSIONS = 128
_PROBES = 16  # clusters that a cluster is compared with, itself among them
_SAMPLE = 50_000  # features that components and clusters are fitted on
_EXACT = 2_000  # up to so many images, all pairs are compared
_BATCH = 1_000  # images whose similarities are in memory at a time


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest neighbours of each image, nearest first.

    Attributes:
        rows: Their row numbers.
        distances: Their Euclidean distances, from 0 to 2.
    """

    rows: Int[ndarray, "image neighbour"]
    distances: Float[ndarray, "image neighbour"]


def whiten(features: Float[ndarray, "image feature"], seed: int = 0) -> Float[ndarray, "image dim"]:
    """Project features on their principal components, each of unit variance, and to length 1.

    There are at most half as many components as images: with all of them, every two images would
    be equally far apart.
    """
    chosen = generator(seed, "whitening").permutation(len(features))[:_SAMPLE]
    dimensions = min(_DIMENSIONS, features.shape[1], len(chosen) // 2)
    with np.errstate(invalid="ignore"):  # fractions of the variance, where there is none
        pca = PCA(dimensions, whiten=True, random_state=seed).fit(features[chosen])
    points = pca.transform(features).astype(np.float32)
    result: ndarray = points / np.linalg.norm(points, axis=1, keepdims=True).clip(min=1e-6)
    return result


def nearest_neighbours(
    points: Float[ndarray, "image dim"], count: int = DEFAULTS.neighbours, seed: int = 0
) -> Neighbours:
    """Find the nearest neighbours of each point: approximately, if there are many points.

    Args:
        points: Of length 1.
        count: Neighbours of each point; all other points, if there are fewer.
        seed: Of the clusters.
    """
    count = min(count, len(points) - 1)
    rows = np.empty((len(points), count), dtype=np.int64)
    distances = np.empty((len(points), count), dtype=np.float32)
    with progress("Searching for nearest neighbours", len(points)) as show:
        finished = 0
        for members, candidates in _neighbourhoods(points, count, seed):
            for batch in np.array_split(members, len(members) // _BATCH + 1):
                rows[batch], distances[batch] = _exact(points, batch, candidates, count)
                finished += len(batch)
                show(finished, "images")
    return Neighbours(rows, distances)


def _neighbourhoods(
    points: Float[ndarray, "image dim"], count: int, seed: int
) -> list[tuple[Int[ndarray, " member"], Int[ndarray, " candidate"]]]:
    """Return for each cluster its members, and the candidates to compare them with."""
    every_row = np.arange(len(points))
    if len(points) <= max(_EXACT, count):
        return [(every_row, every_row)]
    clusters = int(np.sqrt(len(points)))
    sample = generator(seed, "clusters").permutation(len(points))[:_SAMPLE]
    kmeans = MiniBatchKMeans(clusters, random_state=seed, n_init=1, batch_size=4096)
    cluster_of_row = kmeans.fit(points[sample]).predict(points)
    order = np.argsort(cluster_of_row, kind="stable")
    members = np.split(order, np.searchsorted(cluster_of_row[order], np.arange(1, clusters)))
    centres = kmeans.cluster_centers_
    by_distance = np.argsort(-(centres @ centres.T) + (centres**2).sum(axis=1) / 2, axis=1)
    neighbourhoods = []
    for cluster, nearest_clusters in enumerate(by_distance):
        probes = _PROBES
        while sum(len(members[other]) for other in nearest_clusters[:probes]) <= count:
            probes *= 2
        candidates = np.concatenate([members[other] for other in nearest_clusters[:probes]])
        neighbourhoods.append((members[cluster], candidates))
    return [(rows, candidates) for rows, candidates in neighbourhoods if len(rows)]


def _exact(
    points: Float[ndarray, "image dim"],
    rows: Int[ndarray, " row"],
    candidates: Int[ndarray, " candidate"],
    count: int,
) -> tuple[Int[ndarray, "row neighbour"], Float[ndarray, "row neighbour"]]:
    """Return the nearest candidates of some points, and their distances; a point is not its own."""
    similarity = points[rows] @ points[candidates].T
    similarity[rows[:, None] == candidates] = -np.inf
    best = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similarity, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    nearest = candidates[np.take_along_axis(best, order, axis=1)]
    return nearest, np.sqrt((2 - 2 * values).clip(min=0))
