"""Statistics over seeds: means, intervals, paired differences, seeds needed.

Every interval is at 95 % and estimates the mean over seeds, given the test set. For other test
images as well, see `crossed_effects`.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import stats
from scipy.special import gammaln
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

LEVEL = 0.95

Values = Sequence[float] | Float[ndarray, " seed"] | Int[ndarray, " seed"]
"""A value for each seed."""

_EQUAL = 1e-12  # differences of equal numbers, up to rounding
_SEEDS_FOR_RATIO = 5  # with three, seeds that happen to lie on a line make it look narrow
_SPREAD_LIMIT = 0.8  # level of the upper limit of a standard deviation, for planning
_MOST_SEEDS = 10**8
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


def summary(values: Values) -> Summary:
    """Summarise one metric over seeds.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    x = _finite(values)
    sd = float(x.std(ddof=1)) if len(x) > 1 else None
    note = _no_spread(x, _EQUAL_SCORES)
    return Summary(float(x.mean()), sd, NO_INTERVAL if note else _t_test(x, LEVEL)[0], note)


def paired_difference(a: Values, b: Values, *, level: float = LEVEL) -> PairedDifference:
    """Compare two arms seed by seed: a - b, with Student's paired t (Student 1908).

    Args:
        a: A metric of one arm, one value per seed.
        b: The reference's values, for the same seeds in the same order.
        level: Level of the interval.

    Raises:
        ValueError: The arms have different numbers of seeds, none, or a value is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"Pairs need equal numbers of seeds, not {len(a)} and {len(b)}.")
    x = _finite(a) - _finite(b)
    note = _no_spread(x, _EQUAL_DIFFERENCES)
    interval, p = (NO_INTERVAL, None) if note else _t_test(x, level)
    return PairedDifference(x.tolist(), float(x.mean()), interval, p, note)


def holm(p: Sequence[float | None] | Float[ndarray, " test"]) -> list[float | None]:
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


def effect_size(values: Values) -> float | None:
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


def sd_ratio(a: Values, b: Values) -> tuple[float | None, Interval]:
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


def seeds_needed(
    values: Values,
    min_effect: float,
    *,
    of_groups: float = 0.0,
    free_groups: float = np.inf,
    error: Callable[[int], float] = lambda _: 1 - LEVEL,
    power: float = 0.8,
) -> tuple[int, int] | None:
    """Return how many seeds a paired t test needs to detect the smallest effect of interest.

    Few seeds estimate their spread roughly: planned with the observed one, half of all studies
    would be too small. So the second number takes the upper limit of a one-sided confidence
    interval of the standard deviation, at 80 % (Browne 1995, Stat. Med. 14, 1933).

    Args:
        values: The difference of each seed so far; only their standard deviation counts. The mean
            does not: power for the observed difference says no more than its p value.
        min_effect: The smallest effect of interest, above 0.
        of_groups: Variance over test groups, which seeds do not reduce.
        free_groups: Its degrees of freedom.
        error: Two-sided error of the test by number of seeds.
        power: Probability to detect the effect.

    Returns:
        The number of seeds in all, with the observed spread and with its upper limit; None where
        the spread is unknown or 0, or where the variation over test groups hides such an effect
        from any number of seeds.
    """
    x = _finite(values)
    if _no_spread(x, _EQUAL_DIFFERENCES):
        return None
    sd, free = float(x.std(ddof=1)), len(x) - 1

    def reached(n: int, sd: float) -> float:
        of_seeds = sd**2 / n
        variance = of_seeds + of_groups
        free = variance**2 / (of_seeds**2 / (n - 1) + of_groups**2 / free_groups)
        effect = min_effect / np.sqrt(variance * n)
        found = TTestPower().power(effect, n, error(n), df=free)
        return float(np.nan_to_num(found, nan=1.0))  # not a number where it is 1 by far

    if reached(_MOST_SEEDS, sd) < power:
        return None
    upper = sd * float(np.sqrt(free / stats.chi2.ppf(1 - _SPREAD_LIMIT, free)))
    least, most = (
        bisect_left(range(_MOST_SEEDS), power, lo=2, key=partial(reached, sd=each))
        for each in (sd, upper)
    )
    return least, most


def _finite(values: Values) -> Float[ndarray, " seed"]:
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or not np.isfinite(x).all():
        raise ValueError(f"Statistics need one or more finite values, not {x.tolist()}.")
    return x


def _no_spread(x: Float[ndarray, " seed"], equal: str) -> str:
    """Return why values have no spread, one or all equal; an empty text where they have one."""
    if len(x) < 2:
        return _ONE_SEED
    return equal if np.ptp(x) <= _EQUAL else ""


def _t_test(x: Float[ndarray, " seed"], level: float) -> tuple[Interval, float]:
    """Return the t interval of the mean, and the p value of a mean of 0."""
    test = stats.ttest_1samp(x, 0)
    low, high = test.confidence_interval(level)
    return Interval(float(low), float(high)), float(test.pvalue)
