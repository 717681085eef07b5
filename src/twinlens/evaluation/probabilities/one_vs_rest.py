"""A number of each class against the rest, and its mean over the classes."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.evaluation.metrics.metric import OfProbabilities, OfWeights
from twinlens.evaluation.probabilities.ranking import PerResample, Ranking, Weights, rank
from twinlens.types import Rows

Score = Callable[[Bool[ndarray, " image"], Float[ndarray, " image"]], float]
OfRanking = Callable[[Ranking], PerResample]
Probabilities = Float[ndarray, "image class"]


def by_class(score: Score, labels: Rows, probabilities: Probabilities) -> Float[ndarray, " class"]:
    """Return a score of each class against the rest; NaN where it is undefined."""
    return np.array([score(labels == c, p) for c, p in enumerate(probabilities.T)])


def mean_over_classes(score: Score) -> OfProbabilities:
    """Return the mean of a score over the classes that have images; NaN if they are all."""

    def of_probabilities(labels: Rows, probabilities: Probabilities) -> float:
        values = by_class(score, labels, probabilities)[_against_others(labels, probabilities)]
        return float(values.mean()) if len(values) else np.nan

    return of_probabilities


def weighted_mean_over_classes(of_ranking: OfRanking) -> OfWeights:
    """Return the mean of a number of a ranking over the classes that have images."""

    def of_weights(labels: Rows, probabilities: Probabilities, weights: Weights) -> PerResample:
        classes = _against_others(labels, probabilities)
        if not classes:
            return np.full(len(weights), np.nan)
        values = [of_ranking(rank(labels == c, probabilities[:, c], weights)) for c in classes]
        return np.asarray(np.mean(values, axis=0))

    return of_weights


def _against_others(labels: Rows, probabilities: Probabilities) -> list[int]:
    """Return the classes that have images, where others have images too."""
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    found: list[int] = np.flatnonzero((counts > 0) & (counts < len(labels))).tolist()
    return found
