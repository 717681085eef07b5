"""Seeds and test groups as two crossed random effects: intervals that hold for others of both.

This is the analysis of readers and cases of Obuchowski and Rockette (1995, Commun. Stat. Simul.
24, 285) with the degrees of freedom of Hillis (2007, Stat. Med. 26, 596): seeds are the readers,
and groups (lesions, patients), whose images are alike, are the cases. Two arms are paired in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Num
from numpy import ndarray
from scipy import stats

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.metrics.metric import OfConfusion
from twinlens.evaluation.uncertainty.statistics import LEVEL, NO_INTERVAL, Interval
from twinlens.splitting.stratify import stratify
from twinlens.types import Rows

_STEP = 1e-3  # of an image, in numerical derivatives
_EQUAL = 1e-12  # differences of equal numbers, up to rounding
_NO_VARIATION = (
    "Both arms have the same score on every test group, so the variation over test groups cannot "
    "be estimated: no interval."
)


@dataclass(frozen=True)
class Groups:
    """Groups of the test images.

    Attributes:
        of_image: Number of each image's group.
        strata: For each class that a group counts for, the numbers of its groups.
    """

    of_image: Int[ndarray, " image"]
    strata: list[Int[ndarray, " _"]]


@dataclass(frozen=True)
class GroupShares:
    """A metric of one run, and what each test group contributes to it, to first order."""

    value: float
    of_group: Float[ndarray, " group"]


@dataclass(frozen=True)
class Variance:
    """Variance of a mean difference, by what it is due to.

    Attributes:
        of_seeds: Over seeds, given these test groups: s^2 / n; 0 with one seed.
        of_groups: Over test groups, as far as all seeds share it: more seeds do not reduce it.
        total: Over both.
        free: Satterthwaite's degrees of freedom of the total; 0 where nothing varies.
        free_groups: The same of the variance over test groups.
    """

    of_seeds: float
    of_groups: float
    total: float
    free: float
    free_groups: float


@dataclass(frozen=True)
class CrossedDifference:
    """A metric of one arm minus that of another, over seeds and test groups.

    Attributes:
        interval: The interval of the mean; with one seed it holds for these two models only.
        p: Two-sided p value of a mean of 0; None with one seed.
        variance: The variance of the mean.
        note: Why there is no interval; empty where there is one.
    """

    interval: Interval
    p: float | None
    variance: Variance
    note: str


def number_groups(labels: Rows, names: Sequence[str]) -> Groups:
    """Number the test groups, class by class; one of several classes counts for the rarest.

    Args:
        labels: Class number of each test image, shape (image,).
        names: Its group, shape (image,).
    """
    group, found = pd.factorize(np.asarray(names), sort=True)
    pairs = stratify(labels, group, np.arange(len(found))).drop_duplicates("group")
    return Groups(group, [np.sort(own["group"].to_numpy()) for _, own in pairs.groupby("stratum")])


def group_shares(
    labels: Rows, predicted: Rows, classes: int, groups: Groups
) -> dict[str, GroupShares]:
    """Return what each group contributes to those of `METRICS` that come from a confusion matrix.

    It is the infinitesimal jackknife (Jaeckel 1972): a group's counts of true and predicted classes
    times the derivatives of the metric with respect to them.

    Args:
        labels: Class number of each test image, shape (image,).
        predicted: Its predicted class, shape (image,).
        classes: Number of classes.
        groups: From `number_groups`.
    """
    shape = (groups.of_image.max() + 1, classes, classes)
    cells = np.ravel_multi_index((groups.of_image, labels, predicted), shape)
    counts = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    of_confusion = {name: metric.of_confusion for name, metric in METRICS.items()}
    return {name: _shares(of, counts) for name, of in of_confusion.items() if of}


def _shares(of: OfConfusion, counts: Num[ndarray, "group class class"]) -> GroupShares:
    total = counts.sum(axis=0).astype(np.float64)
    used = np.flatnonzero(total)
    steps = np.zeros((len(used), total.size))
    steps[range(len(used)), used] = _STEP
    steps = steps.reshape(-1, *total.shape)
    slope = (of(total + steps) - of(total - steps)) / (2 * _STEP)
    return GroupShares(float(of(total)), counts.reshape(len(counts), -1)[:, used] @ slope)


def crossed_difference(
    a: Sequence[GroupShares], b: Sequence[GroupShares], groups: Groups, *, level: float = LEVEL
) -> CrossedDifference:
    """Compare two arms: a - b, over seeds and test groups.

    The interval estimates the mean difference over all seeds and all test groups like these, with
    the classes as frequent as here. A class of a single group adds nothing to it.

    Args:
        a: A metric of one arm, one entry per seed.
        b: The reference's, for the same seeds in the same order.
        groups: From `number_groups`.
        level: Level of the interval.
    """
    values = np.array([x.value - y.value for x, y in zip(a, b, strict=True)])
    shares = np.stack([x.of_group - y.of_group for x, y in zip(a, b, strict=True)], axis=1)
    variance = _variance(values, shares, groups)
    if variance.total <= _EQUAL**2:
        return CrossedDifference(NO_INTERVAL, None, variance, _NO_VARIATION)
    mean, error = float(values.mean()), float(np.sqrt(variance.total))
    low, high = stats.t.interval(level, variance.free, loc=mean, scale=error)
    p = float(2 * stats.t.sf(abs(mean) / error, variance.free)) if len(a) > 1 else None
    return CrossedDifference(Interval(float(low), float(high)), p, variance, "")


def _variance(
    values: Float[ndarray, " seed"], shares: Float[ndarray, "group seed"], groups: Groups
) -> Variance:
    """Divide the variance between seeds and groups.

    The variance of the mean over groups holds what all seeds share, and 1 / n of what each has of
    its own, which s^2 / n over seeds holds too. So the shared part, the mean covariance of two
    seeds, is added to s^2 / n (Obuchowski and Rockette's equation 5), and the sum is no less than
    the variance over groups. Deviations are divided by 1 - 1 / (groups of the class), as in HC3
    (MacKinnon and White 1985), which matters where these are few.
    """
    n = len(values)
    of_mean, single, squares = 0.0, 0.0, 0.0
    for own in groups.strata:
        rows, others = shares[own] - shares[own].mean(axis=0), max(len(own) - 1, 1)
        scale = (len(own) / others) ** 2
        of_class = scale * float((rows.mean(axis=1) ** 2).sum())
        of_mean += of_class
        single += scale * float((rows**2).sum()) / n
        squares += of_class**2 / others
    of_seeds = float(values.var(ddof=1)) / n if n > 1 else 0.0
    shared = max((n * of_mean - single) / (n - 1), 0.0) if n > 1 else of_mean
    total = max(of_seeds + shared, of_mean)
    spread = of_seeds**2 / max(n - 1, 1) + squares
    free = total**2 / spread if spread else 0.0
    return Variance(of_seeds, shared, total, free, of_mean**2 / squares if squares else 0.0)
