"""Selective prediction: how often a model is wrong on the images that it answers.

Images are answered in the order of a confidence. Risk is the fraction of the answered images whose
prediction is wrong, coverage the fraction of images that are answered (Geifman and El-Yaniv 2017,
arXiv 1705.08500).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.special import digamma

from twinlens.evaluation.probabilities.ranking import PerResample, Weights
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.records.reliability import ErrorAt, Selective
from twinlens.types import Rows

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
_POINTS = 200  # of a stored curve
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve, for each weighting of the images, the most confident first.

    Attributes:
        answered: Weight of the images answered, in ascending order.
        risk: Error rate among them. Within a tie of confidence, its mean over all orders.
    """

    answered: Float[ndarray, "resample image"]
    risk: Float[ndarray, "resample image"]

    @property
    def aurc(self) -> PerResample:
        """Area under the curve: the mean risk over all coverages."""
        weights = np.diff(self.answered, axis=1, prepend=0)
        area: PerResample = (weights * self.risk).sum(axis=1) / self.answered[:, -1]
        return area

    @property
    def excess(self) -> PerResample:
        """The area less that of a confidence that ranks every error last (E-AURC).

        Geifman et al. (2019, arXiv 1805.08206). That area is a sum of (k - c) / k over k from
        c + 1 to n, where c of n images are right, divided by n.
        """
        n = self.answered[:, -1]
        errors = self.risk[:, -1] * n
        right = n - errors
        ideal = (errors - right * (digamma(n + 1) - digamma(right + 1))) / n
        excess: PerResample = self.aurc - ideal
        return excess

    def risk_at(self, coverage: float) -> PerResample:
        """Return the risk where at least this fraction of the images is answered."""
        enough = self.answered >= (coverage - _ROUNDING) * self.answered[:, -1:]
        risk: PerResample = np.take_along_axis(self.risk, enough.argmax(axis=1)[:, None], 1)[:, 0]
        return risk


def risk_coverage(
    confidence: Float[ndarray, " image"],
    wrong: Bool[ndarray, " image"],
    weights: Weights | None = None,
) -> RiskCoverage:
    """Compute the risk-coverage curve.

    Args:
        confidence: The higher, the sooner an image is answered, such as the highest probability.
        wrong: Whether its prediction is wrong; one image or more.
        weights: How often each image counts, in each resample; None for each once.
    """
    w = np.ones((1, len(wrong))) if weights is None else weights
    order = np.argsort(-confidence, kind="stable")
    w, w_wrong = w[:, order], (w * wrong)[:, order]
    starts = np.flatnonzero(np.diff(confidence[order], prepend=np.inf))
    total = np.add.reduceat(w, starts, axis=1)
    rate = np.add.reduceat(w_wrong, starts, axis=1) / np.where(total > 0, total, 1)  # of each tie
    rate = np.repeat(rate, np.diff(np.append(starts, len(order))), axis=1)
    answered = np.cumsum(w, axis=1)
    risk = np.cumsum(w * rate, axis=1) / np.where(answered > 0, answered, 1)
    return RiskCoverage(answered, risk)


def selective_scores(
    labels: Rows, probabilities: Float[ndarray, "image class"], groups: Sequence[str]
) -> Selective:
    """Return risk and coverage, by the highest probability, with intervals.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        groups: Name of each image's group.
    """
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        curve = risk_coverage(confidence, wrong, weights)
        return np.stack([curve.aurc, curve.excess, *map(curve.risk_at, COVERAGES)], axis=1)

    aurc, excess, *errors = bootstrap(numbers, number_groups(labels, groups)).estimates()
    curve = risk_coverage(confidence, wrong)
    n = len(labels)
    some = np.unique(np.linspace(0, n - 1, min(n, _POINTS)).round().astype(int))
    points = zip(curve.answered[0, some] / n, curve.risk[0, some], strict=True)
    return Selective(
        aurc=aurc,
        excess=excess,
        errors=[ErrorAt(coverage=c, error=e) for c, e in zip(COVERAGES, errors, strict=True)],
        curve=[(float(x), float(y)) for x, y in points],
    )
