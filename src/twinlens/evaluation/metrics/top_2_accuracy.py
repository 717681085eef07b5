"""Top-2 accuracy: the fraction of images whose class is among the two most probable ones."""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.evaluation.metrics.metric import Metric
from twinlens.types import Rows


def top_2_accuracy(labels: Rows, probabilities: Float[ndarray, "image class"]) -> float:
    """Return the fraction of hits; of equal probabilities the later class counts (scikit-learn)."""
    return float(_hits(labels, probabilities).mean())


def of_weights(
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
    weights: Float[ndarray, "resample image"],
) -> Float[ndarray, " resample"]:
    """Return it for each weighting of the images."""
    return np.asarray(weights @ _hits(labels, probabilities) / weights.sum(axis=1))


def _hits(labels: Rows, probabilities: Float[ndarray, "image class"]) -> Bool[ndarray, " image"]:
    likely = np.argsort(probabilities, axis=1, kind="stable")[:, -2:]
    hits: Bool[ndarray, " image"] = (likely == labels[:, None]).any(axis=1)
    return hits


METRIC = Metric(
    "Top-2 accuracy", "top-2 accuracy", of_probabilities=top_2_accuracy, of_weights=of_weights,
    main=False,
)  # fmt: skip
