"""Statistics over seeds: means, intervals, paired differences.

Every interval is at 95 % and estimates the mean over seeds, given the test set.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats
from scipy.special import gammaln
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

LEVEL = 0.95

_EQUAL = 1e-12  # differences of equal numbers, up to rounding
_SEEDS_FOR_RATIO = 5  # with three, seeds that happen to lie on a line make it look narrow
_ONE_SEED = "One seed gives no estimate of the spread: an interval needs at least two."
_EQUAL_SCORES = "Every seed has the same score, so the spread over seeds cannot be estimated."
_EQUAL_DIFFERENCES = "All differences are equal, so their spread over seeds cannot be estimated."


class Interval(NamedTuple):
    """An interval at 95 %; an end is None where it is open, both where there is no interval."""

    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        """Return whether there is an interval."""
        return self != (None, None)


NO_INTERVAL = Interval()


@dataclass(frozen=True)
class Summary:
    """One metric over seeds.

    Attributes:
        mean: Mean.
        sd: Standard deviation (n - 1); None for one seed.
        interval: Student's t interval of the mean.
        note: Why there is no interval; empty where there is one.
    """

    mean: float
    sd: float | None
    interval: Interval
    note: str


@dataclass(frozen=True)
class PairedDifference:
    """A metric of one arm minus that of another, seed by seed.

    Attributes:
        values: Difference of each seed.
        mean: Their mean.
        interval: Student's t interval of the mean.
        p: Two-sided p value of the paired t test, or None.
        note: Why there is neither interval nor p value; empty where there are both.
    """

    values: list[float]
    mean: float
    interval: Interval
    p: float | None
    note: str


def summary(values: Sequence[float]) -> Summary:
    """Summarise one metric over seeds.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    x = _finite(values)
    sd = float(x.std(ddof=1)) if len(x) > 1 else None
    note = _no_spread(x, _EQUAL_SCORES)
    return Summary(float(x.mean()), sd, NO_INTERVAL if note else _t_test(x)[0], note)


def paired_difference(a: Sequence[float], b: Sequence[float]) -> PairedDifference:
    """Compare two arms seed by seed: a - b, with Student's paired t (Student 1908).

    Args:
        a: A metric of one arm, one value per seed.
        b: The reference's values, for the same seeds in the same order.

    Raises:
        ValueError: The arms have different numbers of seeds, none, or a value is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"Pairs need equal numbers of seeds, not {len(a)} and {len(b)}.")
    x = _finite(a) - _finite(b)
    note = _no_spread(x, _EQUAL_DIFFERENCES)
    interval, p = (NO_INTERVAL, None) if note else _t_test(x)
    return PairedDifference(x.tolist(), float(x.mean()), interval, p, note)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Correct the p values of one family of tests by Holm's step-down method (Holm 1979).

    Args:
        p: A p value for each comparison; None where there was no test, which counts for nothing.

    Returns:
        The corrected p values in the same order: below .05 with at most 5 % probability for any
        comparison without a difference.
    """
    tested = [each for each in p if each is not None]
    corrected = iter(multipletests(tested, method="holm")[1].tolist() if tested else ())
    return [None if each is None else next(corrected) for each in p]


def effect_size(values: Sequence[float]) -> float | None:
    """Return Hedges' g_z: the mean paired difference in standard deviations of the differences.

    It is Cohen's d_z times Hedges' exact correction for few values (Hedges 1981), which leaves it
    without bias: Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)) with m = n - 1.

    Args:
        values: Difference of each seed.

    Returns:
        None for fewer than three seeds, and where all differences are equal.
    """
    x = _finite(values)
    if len(x) < 3 or _no_spread(x, _EQUAL_DIFFERENCES):
        return None
    m = len(x) - 1
    correction = np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    return float(correction * x.mean() / x.std(ddof=1))


def sd_ratio(a: Sequence[float], b: Sequence[float]) -> tuple[float | None, Interval]:
    """Compare the stability of two arms over the same seeds: sd of a / sd of b.

    The interval inverts the test of Pitman (1939) and Morgan (1939), which allows for the
    correlation of pairs: a variance ratio of F (k -+ sqrt(k^2 - 1)) with
    k = 1 + 2 (1 - r^2) t^2 / (n - 2).

    Args:
        a: A metric of one arm, one value per seed.
        b: The reference's values, for the same seeds in the same order.

    Returns:
        The ratio, or None where a spread is unknown; and its interval, which needs five seeds
        and arms that are not perfectly correlated.
    """
    x, y = _finite(a), _finite(b)
    if _no_spread(x, _EQUAL_SCORES) or _no_spread(y, _EQUAL_SCORES):
        return None, NO_INTERVAL
    ratio, n = float(x.std(ddof=1) / y.std(ddof=1)), len(x)
    unexplained = 1 - np.corrcoef(x, y)[0, 1] ** 2
    if n < _SEEDS_FOR_RATIO or unexplained <= _EQUAL:
        return ratio, NO_INTERVAL
    k = 1 + 2 * unexplained * stats.t.ppf((1 + LEVEL) / 2, n - 2) ** 2 / (n - 2)
    factor = float(np.sqrt(k + np.sqrt(k**2 - 1)))
    return ratio, Interval(ratio / factor, ratio * factor)


def seeds_needed(values: Sequence[float], min_effect: float, *, power: float = 0.8) -> int | None:
    """Return how many seeds a paired t test needs to detect the smallest effect of interest.

    Args:
        values: The difference of each seed so far; only their standard deviation counts, which few
            seeds estimate roughly. The mean does not: power for the observed difference says no
            more than its p value.
        min_effect: The smallest effect of interest, above 0.
        power: Probability to detect it, at a two-sided level of 5 %.

    Returns:
        The number of seeds in all, or None where the spread is unknown or 0.
    """
    x = _finite(values)
    if _no_spread(x, _EQUAL_DIFFERENCES):
        return None
    effect = min_effect / float(x.std(ddof=1))
    quantiles = stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(power)
    enough = int((quantiles / effect) ** 2) + 10  # of a normal test, which needs a few less

    def reached(n: int) -> float:
        found = TTestPower().power(effect, n, 1 - LEVEL)
        return float(np.nan_to_num(found, nan=1.0))  # not a number where it is 1 by far

    return bisect_left(range(enough), power, lo=2, key=reached)


def _finite(values: Sequence[float]) -> Float[ndarray, " seed"]:
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or not np.isfinite(x).all():
        raise ValueError(f"Statistics need one or more finite values, not {x.tolist()}.")
    return x


def _no_spread(x: Float[ndarray, " seed"], equal: str) -> str:
    """Return why values have no spread, one or all equal; an empty text where they have one."""
    if len(x) < 2:
        return _ONE_SEED
    return equal if np.ptp(x) <= _EQUAL else ""


def _t_test(x: Float[ndarray, " seed"]) -> tuple[Interval, float]:
    """Return the t interval of the mean, and the p value of a mean of 0."""
    test = stats.ttest_1samp(x, 0)
    low, high = test.confidence_interval(LEVEL)
    return Interval(float(low), float(high)), float(test.pvalue)
