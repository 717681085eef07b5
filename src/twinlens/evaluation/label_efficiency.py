"""Label efficiency: how many labels the reference needs to score as well as an arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from twinlens.evaluation.statistics import LEVEL, NO_INTERVAL, Interval

_STEPS = 2000
_EQUAL = 1e-12  # scores that are equal, up to rounding


@dataclass(frozen=True)
class Arm:
    """An arm at one label fraction.

    Attributes:
        name: Name of the arm.
        labels: Number of labels, one of those of the reference.
        scores: Score by seed.
    """

    name: str
    labels: int
    scores: Mapping[int, float]


@dataclass(frozen=True)
class Reference:
    """The reference arm: its name, and its scores by number of labels (two or more) and seed."""

    name: str
    scores: Mapping[int, Mapping[int, float]]


@dataclass(frozen=True)
class Equivalence:
    """With how many labels the reference scores as well as an arm.

    Attributes:
        labels: Number of labels; None beyond those that were run.
        interval: Ends of the 95 % confidence set; None where it extends beyond those run.
        sentence: The same in words.
    """

    labels: float | None
    interval: Interval
    sentence: str


def equivalent_labels(arm: Arm, reference: Reference) -> Equivalence:
    """Compute how many labels the reference needs for an arm's mean score.

    The reference's score between two label fractions is linear in the logarithm of the labels,
    seed by seed; nothing is extrapolated beyond the label fractions run. Where its mean is not
    monotone, the result is the smallest number with which it reaches the arm's.

    The confidence set holds each number of labels at which a paired t test of the arm's scores
    and the reference's does not reject. It estimates, at 95 % and given the test set, where the
    means over all seeds are equal; the interval holds its ends, whatever lies between.

    For a metric of which lower is better, pass scores times -1.
    """
    amounts = sorted(reference.scores)
    seeds = [s for s in arm.scores if all(s in reference.scores[n] for n in amounts)]
    subject = f"'{arm.name}' with {arm.labels:,.0f} labels"
    if not seeds:
        sentence = f"{subject} shares no seed with '{reference.name}' at every label fraction."
        return Equivalence(None, NO_INTERVAL, sentence)
    knots = np.log(amounts)
    grid = np.union1d(np.linspace(knots[0], knots[-1], _STEPS), knots)
    curves = [np.interp(grid, knots, [reference.scores[n][s] for n in amounts]) for s in seeds]
    gaps = np.array([arm.scores[seed] for seed in seeds])[:, None] - curves
    mean = gaps.mean(axis=0)
    labels = _first_closed(grid, mean)
    point = f"{subject} {_point(mean, labels, amounts, reference.name)}"
    if len(seeds) < 2 or np.ptp(gaps, axis=0).max() <= _EQUAL:
        sentence = f"{point} ({len(seeds)} seed{'s' * (len(seeds) > 1)}: no interval)."
        return Equivalence(labels, NO_INTERVAL, sentence)
    error = gaps.std(axis=0, ddof=1) / np.sqrt(len(seeds))
    equal = np.abs(mean) <= stats.t.ppf((1 + LEVEL) / 2, len(seeds) - 1) * error
    low, high = _ends(np.exp(grid[equal]), labels, mean, amounts)
    ends = Interval(None if equal[0] else low, None if equal[-1] else high)
    sentence = f"{point} (95 % confidence: {_range(ends, amounts)}; {len(seeds)} paired seeds)."
    if equal[np.argmin(np.abs(grid - np.log(arm.labels)))]:
        sentence += (
            f" No difference from '{reference.name}' with the same {arm.labels:,.0f} was detected."
        )
    return Equivalence(labels, ends, sentence)


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
) -> tuple[float | None, float | None]:
    """Return the ends of the set; where it lies beyond the labels run, the near end of that."""
    members = np.append(inside, labels) if labels else inside
    if len(members):
        return float(members.min()), float(members.max())
    return (amounts[-1], None) if gap[0] > 0 else (None, amounts[0])


def _point(
    gap: Float[ndarray, " x"], labels: float | None, amounts: Sequence[float], to: str
) -> str:
    if labels:
        return f"scores as well as '{to}' with about {labels:,.0f}"
    if gap[0] > 0:
        return f"scores higher than '{to}' with the most labels run, {amounts[-1]:,.0f}"
    return f"scores lower than '{to}' with the fewest labels run, {amounts[0]:,.0f}"


def _range(ends: Interval, amounts: Sequence[float]) -> str:
    low, high = ends
    if low is not None and high is not None:
        return f"{low:,.0f} to {high:,.0f}"
    if low is not None:
        return f"at least {low:,.0f}"
    if high is not None:
        return f"at most {high:,.0f}"
    return f"any number from {amounts[0]:,.0f} to {amounts[-1]:,.0f}"
