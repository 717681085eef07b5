"""The probability that a claim of superiority is false.

Christodoulou et al. (2025, "False promises in medical imaging AI?", arXiv 2505.04720) ask how
likely it is that the better of two methods is not the better one. With a flat prior for the
difference, its posterior is Student's t around the observed mean, with the error and the degrees of
freedom of the interval that stands beside it: over seeds and test groups. A hierarchical bootstrap
over both has the same centre and spread, but with few seeds it is too narrow, as its tails are
those of a normal distribution.
"""

import math

from scipy import stats

from twinlens.evaluation.uncertainty.crossed_effects import CrossedDifference


def false_claim_probability(mean: float, difference: CrossedDifference) -> float | None:
    """Return the probability that the arm with the better mean is not the better arm.

    It takes no account of how many arms or metrics were compared, nor that large differences are
    rare: it is that of a reader without any expectation.

    Args:
        mean: The observed mean difference of two arms.
        difference: From `crossed_difference`.

    Returns:
        From 0 to .5, or None where there is no interval either.
    """
    if not difference.interval:
        return None
    error = math.sqrt(difference.variance.total)
    return float(stats.t.sf(abs(mean) / error, difference.variance.free))
