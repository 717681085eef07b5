"""What a few seeds allow one to say: means, intervals, paired differences.

Every interval is at 95 % and estimates the mean over seeds, given the test set.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

LEVEL = 0.95

_EQUAL = 1e-12  # differences of equal numbers, up to rounding
_ONE_SEED = "One seed says nothing about the spread: an interval needs at least two."


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
        "note": None if len(x) > 1 else _ONE_SEED,
    }


def paired_difference(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Compare two arms seed by seed: a - b, with Student's paired t (Student 1908).

    Args:
        a: A metric of one arm, a value for each seed.
        b: The reference's values, for the same seeds in the same order.

    Returns:
        ``mean`` of the differences; ``interval`` of that mean [low, high] or None; two-sided
        ``p`` or None; ``n``; ``values``, the differences; ``note``, a sentence where something is
        missing. Where all differences are equal the interval shrinks to their value and p is None.

    Raises:
        ValueError: The arms have different numbers of seeds, none, or a value is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"Pairs need equal numbers of seeds, not {len(a)} and {len(b)}.")
    x = _finite(a) - _finite(b)
    p, note = None, None
    if len(x) < 2:
        note = _ONE_SEED
    elif np.ptp(x) <= _EQUAL:
        note = "All differences are equal, so the seeds say nothing about their spread."
    else:
        p = float(2 * stats.t.sf(abs(x.mean()) / _standard_error(x), len(x) - 1))
    return {
        "mean": float(x.mean()),
        "interval": _t_interval(x),
        "p": p,
        "n": len(x),
        "values": x.tolist(),
        "note": note,
    }


def _finite(values: Sequence[float]) -> Float[ndarray, " seed"]:
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or not np.isfinite(x).all():
        raise ValueError(f"Statistics need one or more finite values, not {x.tolist()}.")
    return x


def _t_interval(x: Float[ndarray, " seed"]) -> list[float] | None:
    """Return mean +- t_(n-1) sd / sqrt(n)."""
    if len(x) < 2:
        return None
    half = stats.t.ppf((1 + LEVEL) / 2, len(x) - 1) * _standard_error(x)
    return [float(x.mean() - half), float(x.mean() + half)]


def _standard_error(x: Float[ndarray, " seed"]) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x)))
