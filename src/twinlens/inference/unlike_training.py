"""Images that are unlike those that a model was trained on.

The score of an image is the distance of its features to those of its k-th nearest training image,
all of length 1 (Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors",
arXiv 2204.06507). Nothing is assumed about the distribution of features, and no image of another
kind is needed.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.inference.embed import embed_rows
from twinlens.models.embedding_index import EmbeddingIndex, Nearest
from twinlens.models.encoders import Encoder

K = 10
"""The nearest training image that counts; the last one where there are fewer."""

Features = Float[ndarray, "image feature"]


@dataclass(frozen=True)
class UnlikeTraining:
    """A score of how unlike the training images an image is, with a threshold.

    Attributes:
        index: The training images.
        percentile: Percentage of validation images that the threshold is to let through.
        threshold: The score above which an image is unlike the training images.
    """

    index: EmbeddingIndex
    percentile: float
    threshold: float

    def score(self, features: Features) -> Float[ndarray, " image"]:
        """Return the score of each image, from 0 to 2."""
        return _score(self.index, features)

    def unlike(self, features: Features) -> Bool[ndarray, " image"]:
        """Return whether each image is unlike the training images."""
        flags: Bool[ndarray, " image"] = self.score(features) > self.threshold
        return flags


def fit_unlike_training(
    index: EmbeddingIndex, validation: Features, percentile: float = 95
) -> UnlikeTraining:
    """Choose the threshold on validation images.

    It is the ceil((n + 1) percentile / 100)-th smallest score, so that new images of the same
    population exceed it no more often than wanted; with too few images the largest score.

    Args:
        index: The training images.
        validation: Features of images that no training has seen.
        percentile: Percentage of them below the threshold.

    Raises:
        UserError: There are no validation images, or the percentile is not between 0 and 100.
    """
    if not 0 < percentile < 100:
        raise UserError(f"A percentile of {percentile} is not between 0 and 100.")
    if not len(validation):
        raise UserError(
            "The threshold for images unlike the training ones is chosen on validation images, and "
            "the split has none: split with --val."
        )
    scores = np.sort(_score(index, validation))
    place = min(math.ceil(round((len(scores) + 1) * percentile / 100, 9)), len(scores))
    return UnlikeTraining(index, percentile, float(scores[place - 1]))


def index_training(
    encoder: Encoder,
    data: Dataset,
    train: Int[ndarray, " train"],
    val: Int[ndarray, " val"],
    fabric: Fabric,
    *,
    size: int,
) -> tuple[EmbeddingIndex, UnlikeTraining | None]:
    """Compute the features of the images that an encoder has learned from.

    Args:
        encoder: On Fabric's device.
        data: The data set that it was trained on.
        train: Rows of its labelled training images.
        val: Rows of its validation images, which choose the threshold.
        fabric: Gives device and precision.
        size: Side of the images in pixels.

    Returns:
        The index, and the score of being unlike it; None without validation images.

    Raises:
        UserError: There are no training images, or features are not finite.
    """
    known = data.table.iloc[train]
    features = embed_rows(encoder, data, train, fabric, size=size)
    index = EmbeddingIndex(features, known["id"].tolist(), known["label"].tolist())
    if not len(val):
        return index, None
    return index, fit_unlike_training(index, embed_rows(encoder, data, val, fabric, size=size))


def kth_distance(nearest: Nearest) -> Float[ndarray, " image"]:
    """Return the score of images by their `K` nearest training images, or more of them."""
    distances: Float[ndarray, " image"] = nearest.distances[:, :K][:, -1]
    return distances


def _score(index: EmbeddingIndex, features: Features) -> Float[ndarray, " image"]:
    return kth_distance(index.nearest(features, K))
