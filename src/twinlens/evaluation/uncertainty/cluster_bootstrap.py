"""Intervals of any numbers of a set of images, whose groups (lesions, patients) are resampled.

Groups are drawn with replacement within each class (a stratified cluster bootstrap), so that images
of one lesion stay together and classes as frequent as they are. The intervals are bias-corrected
and accelerated (BCa, Efron 1987), with the acceleration of several samples (DiCiccio and Efron
1996).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from twinlens.evaluation.probabilities.ranking import Weights
from twinlens.evaluation.uncertainty.crossed_effects import Groups
from twinlens.evaluation.uncertainty.statistics import LEVEL
from twinlens.records.evaluation import Estimate

RESAMPLES = 2000
_MOST_JACKKNIFED = 500  # groups; with more the acceleration is negligible
_CELLS = 500_000  # of weights at a time
_MOST_UNDEFINED = 0.05  # of the resamples

Statistic = Callable[[Weights], Float[ndarray, "resample number"]]
"""Several numbers of a set of images, for each weighting of the images; NaN where undefined."""

UNDEFINED = "It is undefined for these images."
_ONE_GROUP = "No class has two groups of images, so no interval can be computed."
_CONSTANT = "Every resample of the groups gives the same value: no interval."
_OFTEN_UNDEFINED = "It is undefined in many resamples of the groups: no interval."


@dataclass(frozen=True)
class Bootstrap:
    """Numbers of a set of images, resampled.

    Attributes:
        values: The numbers; NaN where undefined.
        resamples: The same of each resample of the groups; no rows where nothing can be resampled.
        influence: What each group contributes to each number, to first order; no rows where there
            are too many groups.
    """

    values: Float[ndarray, " number"]
    resamples: Float[ndarray, "resample number"]
    influence: Float[ndarray, "group number"]

    def estimates(self, *, basic: bool = False) -> list[Estimate]:
        """Return each number with its interval, or with the reason why there is none.

        Args:
            basic: Take the basic interval, 2 value - quantiles (Davison and Hinkley 1997), for
                numbers that every resample makes larger, whose BCa interval degenerates.
        """
        columns = zip(self.values, self.resamples.T, self.influence.T, strict=True)
        return [
            _estimate(float(value), drawn, None if basic else shares)
            for value, drawn, shares in columns
        ]

    def minus(self, other: "Bootstrap") -> "Bootstrap":
        """Return the differences from the same numbers of another, independent set of images."""
        rows = min(len(self.resamples), len(other.resamples))
        return Bootstrap(
            self.values - other.values,
            self.resamples[:rows] - other.resamples[:rows],
            np.concatenate([self.influence, -other.influence]),
        )


def bootstrap(
    statistic: Statistic, groups: Groups, *, resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Resample groups, and compute numbers of each resample.

    Args:
        statistic: The numbers.
        groups: From `number_groups`.
        resamples: Number of resamples; 0 for none, and no intervals.
        seed: Seed of the resampling.
    """
    number = int(groups.of_image.max()) + 1
    (values,) = statistic(np.ones((1, len(groups.of_image))))
    several = [own for own in groups.strata if len(own) > 1]
    random = np.random.default_rng(seed)
    drawn = np.ones((resamples if several else 0, number))
    for own in several:
        drawn[:, own] = _times_drawn(random, len(own), len(drawn))
    jackknifed = number <= _MOST_JACKKNIFED and len(drawn)
    return Bootstrap(
        values,
        _apply(statistic, drawn, groups, len(values)),
        _influence(statistic, groups, several, len(values))
        if jackknifed
        else np.zeros((0, len(values))),
    )


def _times_drawn(
    random: np.random.Generator, groups: int, resamples: int
) -> Float[ndarray, "resample group"]:
    """Return how often each group is drawn when as many are drawn as there are."""
    cells = random.integers(groups, size=(resamples, groups))
    cells += groups * np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=resamples * groups)
    return counts.reshape(resamples, groups).astype(np.float64)


def _apply(
    statistic: Statistic, weights: Float[ndarray, "resample group"], groups: Groups, numbers: int
) -> Float[ndarray, "resample number"]:
    size = max(1, _CELLS // len(groups.of_image))
    parts = [
        statistic(weights[start : start + size].T[groups.of_image].T)
        for start in range(0, len(weights), size)
    ]
    return np.concatenate([np.zeros((0, numbers)), *parts])


def _influence(
    statistic: Statistic, groups: Groups, strata: list[ndarray], numbers: int
) -> Float[ndarray, "group number"]:
    """Return (n_h - 1) (mean - value without the group) / n_h of each group of a stratum h."""
    found = []
    for own in strata:
        left_out = np.ones((len(own), int(groups.of_image.max()) + 1))
        left_out[:, own] = (1 - np.eye(len(own))) * len(own) / (len(own) - 1)
        without = _apply(statistic, left_out, groups, numbers)
        found.append((len(own) - 1) / len(own) * (without.mean(axis=0) - without))
    return np.concatenate(found)


def _estimate(
    value: float, drawn: Float[ndarray, " resample"], influence: Float[ndarray, " group"] | None
) -> Estimate:
    if not np.isfinite(value):
        return Estimate(value=None, note=UNDEFINED)
    defined = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Estimate(value=value, note=_ONE_GROUP)
    if len(defined) < (1 - _MOST_UNDEFINED) * len(drawn):
        return Estimate(value=value, note=_OFTEN_UNDEFINED)
    if np.ptp(defined) < 1e-12:
        return Estimate(value=value, note=_CONSTANT)
    if influence is None:
        low, high = 2 * value - np.quantile(defined, [(1 + LEVEL) / 2, (1 - LEVEL) / 2])
    else:
        low, high = np.quantile(defined, [*_levels(value, defined, influence)])
    return Estimate(value=value, low=float(low), high=float(high))


def _levels(
    value: float, drawn: Float[ndarray, " resample"], influence: Float[ndarray, " group"]
) -> Iterator[float]:
    """Yield the two quantiles of the resamples that are the ends of the BCa interval."""
    below = ((drawn < value - 1e-12).sum() + (drawn <= value + 1e-12).sum()) / (2 * len(drawn))
    bias = stats.norm.ppf(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn)))
    squares = float((influence**2).sum())
    known = np.isfinite(squares) and squares > 0
    acceleration = float((influence**3).sum()) / (6 * squares**1.5) if known else 0.0
    for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        z = bias + stats.norm.ppf(tail)
        yield float(stats.norm.cdf(bias + z / (1 - acceleration * z)))
