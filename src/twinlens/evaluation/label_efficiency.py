"""What pretraining is worth in labels: how many the reference needs to do as well."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import stdtrit

from twinlens.evaluation.statistics import LEVEL

_STEPS = 2000
_EQUAL = 1e-12  # scores that are equal, up to rounding

Ends = tuple[float | None, float | None]


def worth(
    scores: Mapping[int, float],
    own: float,
    reference: Mapping[float, Mapping[int, float]],
    *,
    arm: str,
    to: str,
) -> dict[str, Any]:
    """Find how many labels the reference needs for an arm's mean score.

    The reference's score between two label fractions is a line in the logarithm of the labels, seed
    by seed; beyond the label fractions run nothing is said. Where its mean is not monotone,
    ``labels`` is the fewest with which it reaches the arm's.

    The confidence set holds each number of labels at which a paired t test of the arm's scores
    and the reference's does not reject. It estimates, at 95 % and given the test set, where the
    means over all seeds are equal; ``low`` and ``high`` are its ends, whatever lies between.

    Args:
        scores: The arm's score by seed, at one label fraction.
        own: The number of labels of that label fraction, one of the reference's.
        reference: The reference's score by number of labels and seed; two numbers or more.
        arm: The arm's name.
        to: The reference's name.

    Returns:
        ``labels``, or None beyond those run; ``low`` and ``high``, or None where the set goes on
        beyond those run and where there is none; ``sentence``, the same in words.
    """
    amounts = sorted(reference)
    seeds = [s for s in scores if all(s in reference[amount] for amount in amounts)]
    which = f"'{arm}' with {own:,.0f} labels"
    if not seeds:
        sentence = f"{which} has no seed in common with '{to}' at every label fraction."
        return {"labels": None, "low": None, "high": None, "sentence": sentence}
    knots = np.log(amounts)
    grid = np.union1d(np.linspace(knots[0], knots[-1], _STEPS), knots)
    curves = [np.interp(grid, knots, [reference[a][seed] for a in amounts]) for seed in seeds]
    gaps = np.array([scores[seed] for seed in seeds])[:, None] - curves
    labels = _first_closed(grid, gaps.mean(axis=0))
    said = f"{which} {_point(gaps.mean(axis=0), labels, amounts, to)}"
    if len(seeds) < 2 or np.ptp(gaps, axis=0).max() <= _EQUAL:
        sentence = f"{said} ({len(seeds)} seed{'s' * (len(seeds) > 1)}: no interval)."
        return {"labels": labels, "low": None, "high": None, "sentence": sentence}
    error = gaps.std(axis=0, ddof=1) / np.sqrt(len(seeds))
    half = stdtrit(len(seeds) - 1, (1 + LEVEL) / 2) * error
    equal = np.abs(gaps.mean(axis=0)) <= half
    low, high = _ends(np.exp(grid[equal]), labels, gaps.mean(axis=0), amounts)
    low, high = (None if equal[0] else low), (None if equal[-1] else high)
    sentence = f"{said} (95 % confidence: {_range(low, high, amounts)}; {len(seeds)} paired seeds)."
    if equal[np.argmin(np.abs(grid - np.log(own)))]:
        sentence += f" It cannot be told apart from '{to}' with the same {own:,.0f}."
    return {"labels": labels, "low": low, "high": high, "sentence": sentence}


def _first_closed(grid: Float[ndarray, " x"], gap: Float[ndarray, " x"]) -> float | None:
    """Return the labels where a gap above 0 first closes; None where it never does or was never."""
    closed = np.flatnonzero(gap <= _EQUAL)
    if not len(closed) or gap[0] < -_EQUAL:
        return None
    at = max(closed[0], 1)
    share = gap[at - 1] / (gap[at - 1] - gap[at]) if closed[0] else 0.0
    return float(np.exp(grid[at - 1] + share * (grid[at] - grid[at - 1])))


def _ends(
    inside: Float[ndarray, " x"],
    labels: float | None,
    gap: Float[ndarray, " x"],
    amounts: Sequence[float],
) -> Ends:
    """Return the ends of the set; where it lies beyond the labels run, the near end of that."""
    held = np.append(inside, labels) if labels else inside
    if len(held):
        return float(held.min()), float(held.max())
    return (amounts[-1], None) if gap[0] > 0 else (None, amounts[0])


def _point(
    gap: Float[ndarray, " x"], labels: float | None, amounts: Sequence[float], to: str
) -> str:
    if labels:
        return f"does as well as '{to}' with about {labels:,.0f}"
    if gap[0] > 0:
        return f"does better than '{to}' with the most labels run, {amounts[-1]:,.0f}"
    return f"does worse than '{to}' with the fewest labels run, {amounts[0]:,.0f}"


def _range(low: float | None, high: float | None, amounts: Sequence[float]) -> str:
    if low is not None and high is not None:
        return f"{low:,.0f} to {high:,.0f}"
    if low is not None:
        return f"at least {low:,.0f}"
    if high is not None:
        return f"at most {high:,.0f}"
    return f"cannot be told apart from any number from {amounts[0]:,.0f} to {amounts[-1]:,.0f}"
