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

Weights = Float[ndarray, "resample image"]
"""How often each image counts, in each resample."""

PerResample = Float[ndarray, " resample"]
_EQUAL = 1e-9  # rates that are equal up to rounding


@dataclass(frozen=True)
class Ranking:
    """Weighted counts above each threshold, from the highest score to the lowest.

    Attributes:
        true: Weight of the wanted images from each threshold on, the first 0.
        false: The same of all others.
    """

    true: Float[ndarray, "resample threshold"]
    false: Float[ndarray, "resample threshold"]

    @property
    def sensitivity(self) -> Float[ndarray, "resample threshold"]:
        """The fraction of the wanted images from each threshold on; NaN without any."""
        return _share(self.true)

    @property
    def false_positive_rate(self) -> Float[ndarray, "resample threshold"]:
        """The fraction of the other images from each threshold on; NaN without any."""
        return _share(self.false)


def rank(
    wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"], weights: Weights
) -> Ranking:
    """Sort images by score, and count them above every threshold, for each weighting."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    weights, is_wanted = weights[:, order], wanted[order]
    counts = (np.cumsum(weights * of, axis=1)[:, ends] for of in (is_wanted, ~is_wanted))
    true, false = (np.pad(count, ((0, 0), (1, 0))) for count in counts)
    return Ranking(true, false)


def area(ranking: Ranking) -> PerResample:
    """Return the area under the ROC; NaN where all images are wanted, or none is."""
    return np.asarray(np.trapezoid(ranking.sensitivity, ranking.false_positive_rate, axis=1))


def average_precision(ranking: Ranking) -> PerResample:
    """Return the mean precision, weighted by the steps in recall; NaN where no image is wanted."""
    above = ranking.true + ranking.false
    precision = ranking.true / np.where(above > 0, above, 1)
    values: PerResample = (np.diff(ranking.sensitivity, axis=1) * precision[:, 1:]).sum(axis=1)
    return values


def sensitivity_at(ranking: Ranking, specificity: float) -> PerResample:
    """Return the highest sensitivity whose specificity is at least the given one."""
    allowed = ranking.false_positive_rate <= 1 - specificity + _EQUAL
    return _defined(ranking, np.where(allowed, ranking.sensitivity, -np.inf).max(axis=1))


def specificity_at(ranking: Ranking, sensitivity: float) -> PerResample:
    """Return the highest specificity whose sensitivity is at least the given one."""
    allowed = ranking.sensitivity >= sensitivity - _EQUAL
    return _defined(ranking, 1 - np.where(allowed, ranking.false_positive_rate, np.inf).min(axis=1))


def roc_auc(wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"]) -> float:
    """Return scikit-learn's area under the ROC; NaN where all images are wanted, or none is."""
    return float(roc_auc_score(wanted, scores)) if 0 < wanted.sum() < len(wanted) else np.nan


def precision_average(wanted: Bool[ndarray, " image"], scores: Float[ndarray, " image"]) -> float:
    """Return scikit-learn's average precision; NaN where no image is wanted."""
    return float(average_precision_score(wanted, scores)) if wanted.any() else np.nan


def _share(counts: Float[ndarray, "resample threshold"]) -> Float[ndarray, "resample threshold"]:
    total = counts[:, -1:]
    return counts / np.where(total > 0, total, np.nan)


def _defined(ranking: Ranking, values: PerResample) -> PerResample:
    known = (ranking.true[:, -1] > 0) & (ranking.false[:, -1] > 0)
    return np.where(known, values, np.nan)
