"""Prediction sets by the thresholds that a model carries."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from twinlens.inference.test_time import Probabilities
from twinlens.records.bundle import PredictionSets

Sets = Bool[ndarray, "image class"]


def sets_of(
    thresholds: PredictionSets,
    classes: Sequence[str],
    probabilities: Probabilities,
    *,
    by_class: bool = False,
) -> Sets:
    """Return {c : 1 - p_c <= threshold} of each image; it may be empty.

    Args:
        thresholds: Those of the model.
        classes: Its classes.
        probabilities: With its temperature, shape (image, class).
        by_class: Whether the coverage is to hold within each class, and not over all images only.
    """
    limits = [thresholds.by_class[name] if by_class else thresholds.threshold for name in classes]
    always = [np.inf if limit is None else limit for limit in limits]
    sets: Sets = 1 - probabilities.astype(np.float64) <= np.array(always)
    return sets


def names_of(sets: Sets, classes: Sequence[str]) -> list[list[str]]:
    """Return the names of the classes in each set."""
    return [[classes[k] for k in np.flatnonzero(row).tolist()] for row in sets]
