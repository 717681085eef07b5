"""Neighbours in an encoder's feature space: photographs of one lesion, and doubtful labels.

Features are whitened by their principal components, since otherwise a few directions that all
images share decide every distance. Neighbours are found without comparing all with all: features
are clustered, and a cluster is compared with the clusters around it only (an inverted file:
Jégou, Douze & Schmid 2011, "Product quantization for nearest neighbor search", without the
quantisation).
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA

from twinlens.auditing.duplicates import links_table
from twinlens.console import progress
from twinlens.seeds import generator
from twinlens.types import Rows

RATIO = 0.5
"""Two images are linked if their distance is below so much of the distance that either has to its
tenth neighbour: the ratio test of Lowe (2004), which no encoder's scale enters."""

COUNT = 10
"""Neighbours that are looked at."""

DISAGREEMENT = 0.8
"""Share of an image's labelled neighbours that must agree on another label to call it doubtful."""

_DIMENSIONS = 128
_PROBES = 16  # clusters that a cluster is compared with
_SAMPLE = 50_000  # features that components and clusters are fitted on
_EXACT = 2_000  # so few images are compared all with all

Nearest = tuple[Int[ndarray, "image neighbour"], Float[ndarray, "image neighbour"]]


def whiten(features: Float[ndarray, "image feature"], seed: int = 0) -> Float[ndarray, "image dim"]:
    """Return the principal components of features, each with the same variance, on the sphere.

    There are half as many as images at most: all of them would put the images at equal distances.
    """
    chosen = generator(seed, "whitening").permutation(len(features))[:_SAMPLE]
    dimensions = min(_DIMENSIONS, features.shape[1], len(chosen) // 2)
    with np.errstate(invalid="ignore"):  # shares of the variance, where there is none
        pca = PCA(dimensions, whiten=True, random_state=seed).fit(features[chosen])
    points = pca.transform(features).astype(np.float32)
    result: ndarray = points / np.linalg.norm(points, axis=1, keepdims=True).clip(min=1e-6)
    return result


def nearest(points: Float[ndarray, "image dim"], count: int = COUNT, seed: int = 0) -> Nearest:
    """Return the neighbours of each point, nearest first, and their Euclidean distances.

    Args:
        points: Of length 1.
        count: Neighbours of each point; all others, if there are fewer.
        seed: Of the clusters.
    """
    count = min(count, len(points) - 1)
    rows = np.empty((len(points), count), dtype=np.int64)
    distances = np.empty((len(points), count), dtype=np.float32)
    with progress("Looking for neighbours", len(points)) as show:
        done = 0
        for members, candidates in _neighbourhoods(points, count, seed):
            for some in np.array_split(members, len(members) // 1000 + 1):
                rows[some], distances[some] = _among(points, some, candidates, count)
                done += len(some)
                show(done, "images")
    return rows, distances


def similar_images(found: Nearest, threshold: float = RATIO) -> pd.DataFrame:
    """Link images that are far nearer to each other than to their other neighbours.

    Args:
        found: From `nearest`.
        threshold: See `RATIO`.

    Returns:
        A table of `duplicates.LINKS`; the score is 1 minus the ratio. It is empty where there is
        no tenth neighbour.
    """
    rows, distances = found
    if rows.shape[1] < COUNT:
        return links_table([], [], "embedding", [], "similar")
    scale = distances[:, -1].clip(min=1e-6)
    ratio = distances / np.sqrt(scale[:, None] * scale[rows])
    a, place = np.nonzero(ratio < threshold)
    b = rows[a, place]
    links = links_table(
        np.minimum(a, b), np.maximum(a, b), "embedding", 1 - ratio[a, place], "similar"
    )
    return links.drop_duplicates(["a", "b"]).sort_values(["a", "b"]).reset_index(drop=True)


def doubtful_labels(
    found: Nearest, labels: Rows, groups: Rows, threshold: float = DISAGREEMENT
) -> pd.DataFrame:
    """List images whose neighbours, of other groups, agree on another label.

    Args:
        found: From `nearest`.
        labels: Class number of each image, -1 where it has no label.
        groups: Group number of each image.
        threshold: See `DISAGREEMENT`.

    Returns:
        Columns ``row``, ``label``, ``neighbours`` (the class that they agree on) and
        ``agreement`` (their share), most certain first. Images with fewer than half of `COUNT`
        such neighbours are not judged.
    """
    rows, _ = found
    counted = (labels[rows] >= 0) & (groups[rows] != groups[:, None])
    classes = int(labels.max(initial=0)) + 1
    votes = np.zeros((len(rows), classes))
    image, place = np.nonzero(counted)
    np.add.at(votes, (image, labels[rows[image, place]]), 1)
    voters = votes.sum(axis=1)
    agreement = votes.max(axis=1) / voters.clip(min=1)
    winner = votes.argmax(axis=1)
    doubtful = np.flatnonzero(
        (labels >= 0) & (winner != labels) & (agreement >= threshold) & (voters >= COUNT // 2)
    )
    table = pd.DataFrame(
        {
            "row": doubtful,
            "label": labels[doubtful],
            "neighbours": winner[doubtful],
            "agreement": agreement[doubtful],
        }
    )
    return table.sort_values("agreement", ascending=False, kind="stable").reset_index(drop=True)


def _neighbourhoods(
    points: Float[ndarray, "image dim"], count: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Divide the points; return for each part its members and those to compare them with."""
    everybody = np.arange(len(points))
    if len(points) <= max(_EXACT, count):
        return [(everybody, everybody)]
    clusters = int(np.sqrt(len(points)))
    sample = generator(seed, "clusters").permutation(len(points))[:_SAMPLE]
    kmeans = MiniBatchKMeans(clusters, random_state=seed, n_init=1, batch_size=4096)
    which = kmeans.fit(points[sample]).predict(points)
    order = np.argsort(which, kind="stable")
    members = np.split(order, np.searchsorted(which[order], np.arange(1, clusters)))
    centres = kmeans.cluster_centers_
    near = np.argsort(-(centres @ centres.T) + (centres**2).sum(axis=1) / 2, axis=1)
    parts = []
    for cluster, around in enumerate(near):
        upto = _PROBES
        while sum(len(members[other]) for other in around[:upto]) <= count:
            upto *= 2
        parts.append((members[cluster], np.concatenate([members[c] for c in around[:upto]])))
    return [part for part in parts if len(part[0])]


def _among(
    points: Float[ndarray, "image dim"], some: Rows, candidates: Rows, count: int
) -> Nearest:
    """Return the nearest of the candidates to some points, themselves left out."""
    similarity = points[some] @ points[candidates].T
    similarity[some[:, None] == candidates] = -np.inf
    best = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similarity, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    rows = candidates[np.take_along_axis(best, order, axis=1)]
    return rows, np.sqrt((2 - 2 * values).clip(min=0))
