"""What a few seeds allow one to say: means, intervals, paired differences.

Every interval is at 95 % and estimates the mean over seeds, given the test set.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import gammaln, ndtri, stdtr, stdtrit
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

LEVEL = 0.95

_EQUAL = 1e-12  # differences of equal numbers, up to rounding
_SEEDS_FOR_RATIO = 5  # with three, seeds that happen to fall on a line make it look narrow
_ONE_SEED = "One seed says nothing about the spread: an interval needs at least two."
_EQUAL_SCORES = "Every seed has the same score, which says nothing about the spread."
_EQUAL_DIFFERENCES = "All differences are equal, so the seeds say nothing about their spread."


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Summarise one metric over seeds.

    Returns:
        ``mean``; ``sd``, with n - 1 (None for one seed); ``n``; ``values``; ``interval``, the t
        interval of the mean [low, high] or None; ``note``, a sentence where something is missing.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    x = _finite(values)
    return {
        "mean": float(x.mean()),
        "sd": float(x.std(ddof=1)) if len(x) > 1 else None,
        "n": len(x),
        "values": x.tolist(),
        "interval": _t_interval(x),
        "note": _nothing_known(x, _EQUAL_SCORES),
    }


def paired_difference(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Compare two arms seed by seed: a - b, with Student's paired t (Student 1908).

    Args:
        a: A metric of one arm, a value for each seed.
        b: The reference's values, for the same seeds in the same order.

    Returns:
        ``mean`` of the differences; ``interval`` of that mean [low, high] or None; two-sided
        ``p`` or None; ``n``; ``values``, the differences; ``note``, a sentence where something is
        missing. Where all differences are equal there is neither interval nor p.

    Raises:
        ValueError: The arms have different numbers of seeds, none, or a value is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"Pairs need equal numbers of seeds, not {len(a)} and {len(b)}.")
    x, p = _finite(a) - _finite(b), None
    note = _nothing_known(x, _EQUAL_DIFFERENCES)
    if not note:
        p = float(2 * stdtr(len(x) - 1, -abs(x.mean()) / _standard_error(x)))
    return {
        "mean": float(x.mean()),
        "interval": _t_interval(x),
        "p": p,
        "n": len(x),
        "values": x.tolist(),
        "note": note,
    }


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


def effect_size(values: Sequence[float]) -> dict[str, Any]:
    """Return Hedges' g_z: the mean paired difference in standard deviations of the differences.

    It is Cohen's d_z times Hedges' exact correction for few values (Hedges 1981), which leaves it
    without bias: Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)) with m = n - 1.

    Args:
        values: The difference of each seed.

    Returns:
        ``value``, or None; ``note``, a sentence where it is None.
    """
    x = _finite(values)
    note = _nothing_known(x, _EQUAL_DIFFERENCES)
    if note or len(x) < 3:
        return {"value": None, "note": note or "The effect size needs at least three seeds."}
    m = len(x) - 1
    correction = np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    return {"value": float(correction * x.mean() / x.std(ddof=1)), "note": None}


def sd_ratio(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Compare how stable two arms are over the same seeds: sd of a / sd of b.

    The interval inverts the test of Pitman (1939) and Morgan (1939), which allows for the
    correlation of pairs: a variance ratio of F (k -+ sqrt(k^2 - 1)) with
    k = 1 + 2 (1 - r^2) t^2 / (n - 2).

    Args:
        a: A metric of one arm, a value for each seed.
        b: The reference's values, for the same seeds in the same order.

    Returns:
        ``value`` and ``interval`` [low, high], or None; ``note``, a sentence where one is None.
    """
    x, y = _finite(a), _finite(b)
    note = _nothing_known(x, _EQUAL_SCORES) or _nothing_known(y, _EQUAL_SCORES)
    if note:
        return {"value": None, "interval": None, "note": note}
    ratio, n = float(x.std(ddof=1) / y.std(ddof=1)), len(x)
    left = 1 - np.corrcoef(x, y)[0, 1] ** 2
    if n < _SEEDS_FOR_RATIO or left <= _EQUAL:
        few = f"The ratio's interval needs at least {_SEEDS_FOR_RATIO} seeds."
        note = few if n < _SEEDS_FOR_RATIO else "The arms rise and fall together: no interval."
        return {"value": ratio, "interval": None, "note": note}
    k = 1 + 2 * left * stdtrit(n - 2, (1 + LEVEL) / 2) ** 2 / (n - 2)
    widening = float(np.sqrt(k + np.sqrt(k**2 - 1)))
    return {"value": ratio, "interval": [ratio / widening, ratio * widening], "note": None}


def seeds_needed(values: Sequence[float], min_effect: float, *, power: float = 0.8) -> int | None:
    """Return how many seeds a paired t test needs to find the smallest worthwhile difference.

    Args:
        values: The difference of each seed so far; only their standard deviation counts, which
            few seeds tell roughly. The mean does not: power for the observed difference says no
            more than its p value.
        min_effect: The smallest difference that is worth the trouble, above 0.
        power: Probability to find it, at a two-sided level of 5 %.

    Returns:
        The number of seeds in all, or None where the spread is unknown or 0.
    """
    x = _finite(values)
    if _nothing_known(x, _EQUAL_DIFFERENCES):
        return None
    effect = min_effect / float(x.std(ddof=1))
    quantiles = ndtri((1 + LEVEL) / 2) + ndtri(power)
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


def _nothing_known(x: Float[ndarray, " seed"], equal: str) -> str | None:
    """Return a sentence where values say nothing about their spread: one, or all `equal`."""
    if len(x) < 2:
        return _ONE_SEED
    return equal if np.ptp(x) <= _EQUAL else None


def _t_interval(x: Float[ndarray, " seed"]) -> list[float] | None:
    """Return mean +- t_(n-1) sd / sqrt(n)."""
    if _nothing_known(x, _EQUAL_SCORES):
        return None
    half = stdtrit(len(x) - 1, (1 + LEVEL) / 2) * _standard_error(x)
    return [float(x.mean() - half), float(x.mean() + half)]


def _standard_error(x: Float[ndarray, " seed"]) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x)))
