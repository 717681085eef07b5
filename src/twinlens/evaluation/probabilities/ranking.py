"""ROC and precision-recall of one score, for many weightings of the images at once.

A bootstrap over groups is a weighting of the images by how often each is drawn: the images are
sorted once, and every resample is a cumulative sum. The results equal scikit-learn's with
`sample_weight`, which sorts again for each.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from sklearn.metrics import average_precision_score, roc_auc_score

from twinlens.types import Rows

Weights = Float[ndarray, "resample image"]
"""How often each image counts, in each resample; quickest where the images of `.T` are its rows."""

PerResample = Float[ndarray, " resample"]
Counts = Float[ndarray, "threshold resample"]
_EQUAL = 1e-9  # rates that are equal up to rounding


@dataclass(frozen=True)
class Ranking:
    """Weighted counts at the thresholds where a wanted image comes in, the highest first.

    The first row is above all images. Between two rows nothing but other images come in, which
    makes no better operating point.

    Attributes:
        true: Weight of the wanted images from each threshold on.
        false: The same of all others.
        above: Weight of all others above each threshold: less than `false` where scores are equal.
        others: Weight of all others.
    """

    true: Counts
    false: Counts
    above: Counts
    others: PerResample

    @property
    def sensitivity(self) -> Counts:
        """The fraction of the wanted images from each threshold on; NaN without any."""
        return np.asarray(self.true / _or_nan(self.true[-1]))

    @property
    def false_positive_rate(self) -> Counts:
        """The fraction of the other images from each threshold on; NaN without any."""
        return np.asarray(self.false / _or_nan(self.others))


def rank(
    wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"], weights: Weights
) -> Ranking:
    """Sort images by score, and count them above every threshold, for each weighting."""
    true, others = (
        of[np.argsort(-scores[of], kind="stable")]
        for of in (np.flatnonzero(wanted), np.flatnonzero(~wanted))
    )
    ends = np.flatnonzero(np.diff(scores[true], append=np.inf))
    thresholds = scores[true][ends]
    places = [np.searchsorted(-scores[others], -thresholds, side) for side in ("right", "left")]
    counts = _running(weights, others)
    return Ranking(
        true=_running(weights, true)[np.append(0, ends + 1)],
        false=counts[np.append(0, places[0])],
        above=counts[np.append(0, places[1])],
        others=counts[-1],
    )


def area(ranking: Ranking) -> PerResample:
    """Return the area under the ROC; NaN where all images are wanted, or none is."""
    below = ranking.others - (ranking.false + ranking.above)[1:] / 2
    pairs = (np.diff(ranking.true, axis=0) * below).sum(axis=0)
    return np.asarray(pairs / _or_nan(ranking.true[-1] * ranking.others))


def average_precision(ranking: Ranking) -> PerResample:
    """Return the mean precision, weighted by the steps in recall; NaN where no image is wanted."""
    found = ranking.true + ranking.false
    precision = ranking.true / np.where(found > 0, found, 1)
    steps = np.diff(ranking.true, axis=0)
    return np.asarray((steps * precision[1:]).sum(axis=0) / _or_nan(ranking.true[-1]))


def sensitivity_at(ranking: Ranking, specificity: float) -> PerResample:
    """Return the highest sensitivity whose specificity is at least the given one."""
    allowed = ranking.false_positive_rate <= 1 - specificity + _EQUAL
    return _defined(ranking, np.where(allowed, ranking.sensitivity, 0).max(axis=0))


def specificity_at(ranking: Ranking, sensitivity: float) -> PerResample:
    """Return the highest specificity whose sensitivity is at least the given one."""
    allowed = ranking.sensitivity >= sensitivity - _EQUAL
    return _defined(ranking, 1 - np.where(allowed, ranking.false_positive_rate, 1).min(axis=0))


def roc_auc(wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"]) -> float:
    """Return scikit-learn's area under the ROC; NaN where all images are wanted, or none is."""
    return float(roc_auc_score(wanted, scores)) if 0 < wanted.sum() < len(wanted) else np.nan


def precision_average(wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"]) -> float:
    """Return scikit-learn's average precision; NaN where no image is wanted."""
    return float(average_precision_score(wanted, scores)) if wanted.any() else np.nan


def _running(weights: Weights, images: Rows) -> Counts:
    """Return the weight of the first 0, 1, ... images."""
    counts = np.zeros((len(images) + 1, len(weights)))
    np.cumsum(weights.T[images], axis=0, out=counts[1:])
    return counts


def _or_nan(total: PerResample) -> PerResample:
    return np.where(total > 0, total, np.nan)


def _defined(ranking: Ranking, values: PerResample) -> PerResample:
    return np.where((ranking.true[-1] > 0) & (ranking.others > 0), values, np.nan)
