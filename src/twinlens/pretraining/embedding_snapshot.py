"""What a pretraining changed, for people to see: a map of the features, and nearest neighbours."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.evaluation.features.collapse_metrics import effective_rank
from twinlens.evaluation.features.probe import unit_rows
from twinlens.parquet import write_table
from twinlens.records.neighbours import LabelledImage, NearestNeighbours, QueryImage
from twinlens.seeds import derive, generator
from twinlens.types import Rows
from twinlens.views.image_grid import write_picture
from twinlens.views.view import clean_view

EMBEDDING = "embedding.parquet"
NEIGHBOURS = "neighbours.json"
PICTURE = "neighbours.png"

QUERIES, ACROSS = 8, 5
"""Images whose neighbours are shown, and how many neighbours of each."""

SIDE = 64
"""Largest side of an image in the picture, in pixels."""

_FEWEST = 5  # images that make a map
_COMPONENTS = 50
_PERPLEXITY = 30
_STEPS, _ANGLE = 500, 0.8
"""For a thousand images as trustworthy (.982) as scikit-learn's 1,000 and .5, in two fifths of the
time."""

Points = Float[ndarray, "image 2"]

Chosen = Int[ndarray, " chosen"]
"""Rows or places of some of the images."""


def sample(data: Dataset, split: Split, rows: Rows, seed: int, most: int = 1000) -> Chosen:
    """Draw the images that are shown: labelled training images, or else those of `rows`.

    Args:
        data: The data set.
        split: Its split; val and test are left alone.
        rows: Images that the pretraining sees.
        seed: The run's seed.
        most: How many to show at most.

    Returns:
        Sorted row numbers.
    """
    train = split.rows["train"]
    labelled = train[data.labels[train] >= 0]
    pool = labelled if len(labelled) else rows
    return np.sort(generator(seed, "evidence").permutation(pool)[:most])


def write_snapshot(
    folder: Path,
    before: Float[ndarray, "image feature"],
    after: Float[ndarray, "image other_feature"],
    sample_rows: Rows,
    data: Dataset,
    *,
    seed: int,
) -> None:
    """Write embedding.parquet, neighbours.json and neighbours.png.

    Where there are too few images for one of them, or features are not finite, it is left out.

    Args:
        folder: The run's folder.
        before: Features of the sample by the encoder that the pretraining started from.
        after: Features by the encoder that it ended with.
        sample_rows: The sample, as `sample` returns it.
        data: The data set.
        seed: The run's seed.
    """
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return
    table = data.table.iloc[sample_rows].reset_index(drop=True)
    if len(table) >= _FEWEST:
        write_table(folder / EMBEDDING, _maps(table, before, after, seed))
    groups = table["group"].to_numpy()
    chosen = queries(data.labels[sample_rows], groups, seed)
    if len(chosen):
        near = [neighbours(features, groups, chosen) for features in (before, after)]
        side = min(SIDE, data.size)
        rows = [_query(table, *places) for places in zip(chosen.tolist(), *near, strict=True)]
        record = NearestNeighbours(side=side, count=ACROSS, queries=rows)
        record.write(folder / NEIGHBOURS)
        shown = sample_rows[np.column_stack([chosen, *near])]
        read = reader(data.images, shown.ravel())
        write_picture(folder / PICTURE, [clean_view(read(line), side) for line in shown])


def queries(labels: Rows, groups: ndarray, seed: int, count: int = QUERIES) -> Chosen:
    """Choose the images whose neighbours are shown: of each class in turn, until there are enough.

    Args:
        labels: Class number of each image, -1 where it has no label.
        groups: The group of each.
        seed: The run's seed.
        count: How many at most.

    Returns:
        Their places, by class; none of an image with fewer than `ACROSS` others of other groups.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = generator(seed, "queries").permutation(len(labels))
    order = order[len(labels) - sizes[group[order]] >= ACROSS]
    classes = pd.Series(labels[order])
    turn = classes.groupby(classes).cumcount().to_numpy()
    chosen = order[np.argsort(turn, kind="stable")[:count]]
    return chosen[np.lexsort([chosen, labels[chosen]])]


def neighbours(
    features: Float[ndarray, "image feature"],
    groups: ndarray,
    wanted: Rows,
    count: int = ACROSS,
) -> Int[ndarray, "batch neighbour"]:
    """Find the nearest images of other groups by cosine; of equally near ones the first.

    Args:
        features: Of all images.
        groups: The group of each: other images of the same lesion or patient are no find.
        wanted: Places of the images whose neighbours are asked for.
        count: Neighbours of each.

    Returns:
        Their places, nearest first, shape (wanted, count).
    """
    unit = unit_rows(features)
    cosine = unit[wanted] @ unit.T
    cosine[groups[wanted, None] == groups] = -np.inf
    return np.argsort(-cosine, axis=1, kind="stable")[:, :count]


def _query(table: pd.DataFrame, query: int, before: Rows, after: Rows) -> QueryImage:
    images = LabelledImage.from_frame(table[["id", "label"]].iloc[[query, *before, *after]])
    query_image, neighbours = images[0], images[1:]
    return QueryImage(
        id=query_image.id,
        label=query_image.label,
        before=neighbours[: len(before)],
        after=neighbours[len(before) :],
    )


def _maps(
    table: pd.DataFrame,
    before: Float[ndarray, "image feature"],
    after: Float[ndarray, "image other_feature"],
    seed: int,
) -> pd.DataFrame:
    """Map both, and turn the second map onto the first: direction and size of a map mean nothing.

    Each starts from its own principal components. Were the second to start from the first, it
    would keep an arrangement that its features do not have.
    """
    first, second = (_map(features, seed) for features in (before, after))
    rotation, _ = orthogonal_procrustes(second, first)
    second = second @ rotation
    columns = {"before_x": first[:, 0], "before_y": first[:, 1]}
    return table[["id", "label"]].assign(**columns, after_x=second[:, 0], after_y=second[:, 1])


def _map(features: Float[ndarray, "image feature"], seed: int) -> Points:
    """Return t-SNE of standardised features around 0, with a mean square distance from it of 1."""
    images, dims = features.shape
    if effective_rank(features) == 0:  # all the same: one point
        return np.zeros((images, 2))
    state = derive(seed, "map") % 2**32
    standardised = StandardScaler().fit_transform(features.astype(np.float64))
    pca = PCA(min(_COMPONENTS, images, dims), random_state=state)
    components = pca.fit_transform(standardised)
    start = np.zeros((images, 2))
    start[:, : components.shape[1]] = components[:, :2] / components[:, 0].std() * 1e-4
    perplexity = min(_PERPLEXITY, (images - 1) / 3)
    tsne = TSNE(
        perplexity=perplexity, init=start, random_state=state, max_iter=_STEPS, angle=_ANGLE
    )
    points = tsne.fit_transform(components)
    centred = points - points.mean(axis=0, dtype=np.float64)
    result: Points = centred / np.sqrt((centred**2).sum(axis=1).mean())
    return result
