"""Selective prediction: how often a model is wrong on the images that it answers.

Images are answered in the order of a confidence. Risk is the fraction of the answered images whose
prediction is wrong, coverage the fraction of images that are answered (Geifman and El-Yaniv 2017,
arXiv 1705.08500).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve of a model on some images.

    Attributes:
        coverage: Fractions of images answered, 1/n to 1, in ascending order.
        risk: Error rate among them. Within a tie of confidence, its mean over all orders.
        aurc: Area under the curve: the mean risk over all coverages.
        excess: The area less that of a confidence that ranks every error last (E-AURC; Geifman et
            al. 2019, arXiv 1805.08206).
    """

    coverage: Float[ndarray, " image"]
    risk: Float[ndarray, " image"]
    aurc: float
    excess: float

    def risk_at(self, coverage: float) -> float:
        """Return the risk where at least this fraction of the images is answered."""
        place = np.searchsorted(self.coverage, coverage - 1e-12)
        return float(self.risk[min(int(place), len(self.risk) - 1)])


def risk_coverage(
    confidence: Float[ndarray, " image"], wrong: Bool[ndarray, " image"]
) -> RiskCoverage:
    """Compute the risk-coverage curve.

    Args:
        confidence: The higher, the sooner an image is answered, such as the highest probability.
        wrong: Whether its prediction is wrong; one image or more.
    """
    n = len(wrong)
    _, tie = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(tie)
    rate = np.bincount(tie, wrong) / sizes  # of errors in each tie, in its mean order
    answered = np.arange(1, n + 1)
    risk = np.cumsum(np.repeat(rate, sizes)) / answered
    errors = int(wrong.sum())
    ideal = np.maximum(answered - (n - errors), 0) / answered
    aurc = float(risk.mean())
    return RiskCoverage(answered / n, risk, aurc, aurc - float(ideal.mean()))
