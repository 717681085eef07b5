"""How much a difference between models varies with the test images: groups are resampled.

Images of one group (a lesion, a patient) are alike, so whole groups are drawn, class by class, the
same ones for every model that is compared. Every interval is at 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Num
from numpy import ndarray
from scipy import stats

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import LEVEL, NO_INTERVAL, Interval
from twinlens.seeds import generator
from twinlens.splitting.stratify import stratify
from twinlens.types import Rows

DRAWS = 2000

SEEDS_NEEDED = 10
"""From so many seeds on, seeds and groups are resampled together."""

GROUPS_NEEDED = 20
"""In each class; intervals over fewer test groups cover too little."""

RECOGNISED_NEEDED = 3
"""Test groups of each class on which one of two models is right; with fewer, likewise."""

_EQUAL = 1e-12  # differences of equal numbers, up to rounding


@dataclass(frozen=True)
class PairBootstrap:
    """The difference between two single models over test groups.

    Attributes:
        interval: The 95 % interval, if there is one.
        note: What the interval estimates, or why there is none.
    """

    interval: Interval
    note: str


@dataclass(frozen=True)
class Draws:
    """Test groups and how often each draw has them.

    Attributes:
        group: Number of each image's group, shape (image,).
        strata: For each class that a group counts for, the numbers of its groups.
        counts: For each stratum, how often a draw has each group, shape (draw, group of stratum).
    """

    group: Int[ndarray, " image"]
    strata: list[Int[ndarray, " group"]]
    counts: list[Int[ndarray, "draw group"]]


def draw_groups(
    labels: Int[ndarray, " image"], groups: Sequence[str], *, draws: int = DRAWS
) -> Draws:
    """Draw groups with replacement from those of each class, one fewer than there are.

    With one fewer, scaled up again, the draws spread as much as samples do, rare classes included
    (Rao and Wu 1988); with as many as there are they would spread less by (n - 1) / n.

    Args:
        labels: Class number of each test image, shape (image,).
        groups: Its group, shape (image,).
        draws: Number of draws.
    """
    group, names = pd.factorize(np.asarray(groups), sort=True)
    pairs = stratify(labels, group, np.arange(len(names))).drop_duplicates("group")
    strata = [np.sort(own["group"].to_numpy()) for _, own in pairs.groupby("stratum")]
    random = generator(0, "test groups")
    counts = []
    for own in strata:
        drawn = random.integers(0, len(own), (draws, len(own) - 1))
        cells = drawn + len(own) * np.arange(draws)[:, None]
        counts.append(np.bincount(cells.ravel(), minlength=draws * len(own)).reshape(draws, -1))
    return Draws(group, strata, counts)


def confusions(
    labels: Rows, predicted: Rows, classes: int, draws: Draws
) -> Int[ndarray, "group class class"]:
    """Count true and predicted classes in each group."""
    shape = (draws.group.max() + 1, classes, classes)
    cells = np.ravel_multi_index((draws.group, labels, predicted), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def confusion_metrics(
    confusion: Num[ndarray, "*any class class"],
) -> dict[str, Float[ndarray, "*any"]]:
    """Return those of `METRICS` that are computed from confusion matrices."""
    of_confusion = {name: metric.of_confusion for name, metric in METRICS.items()}
    return {name: compute(confusion) for name, compute in of_confusion.items() if compute}


def drawn_scores(
    confusion: Float[ndarray, "group *model class class"], draws: Draws
) -> dict[str, Float[ndarray, "1+stratum draw *model"]]:
    """Return the metrics of models on the drawn groups.

    First with all classes redrawn together, then with each class alone redrawn and the others as
    they are, which shows how much of the spread each class brings.

    Args:
        confusion: From `confusions`.
        draws: From `draw_groups`.
    """
    flat = confusion.reshape(len(confusion), -1).astype(np.float32)
    observed, drawn = [], []
    for own, counts in zip(draws.strata, draws.counts, strict=True):
        observed.append(flat[own].sum(axis=0, dtype=np.float64))
        if len(own) > 1:
            product = counts.astype(np.float32) @ flat[own]  # of small whole numbers: exact
            drawn.append(product * np.float64(len(own) / (len(own) - 1)))
        else:
            drawn.append(np.broadcast_to(observed[-1], (len(counts), flat.shape[1])))
    whole = np.sum(observed, axis=0)
    alone = [table + (whole - own) for table, own in zip(drawn, observed, strict=True)]
    tables = np.stack([np.sum(drawn, axis=0), *alone])
    return confusion_metrics(tables.reshape(*tables.shape[:2], *confusion.shape[1:]))


def least_recognised(confusion: Float[ndarray, "group model class class"]) -> int:
    """Count the test groups on which the better model recognises a class, of the worst class.

    Args:
        confusion: From `confusions`, of the models that are compared.
    """
    right = (np.diagonal(confusion, axis1=-2, axis2=-1) > 0).sum(axis=0).max(axis=0)
    present = confusion.sum(axis=(0, 1, 3)) > 0
    return int(right[present].min())


def two_models(
    difference: float,
    drawn: Float[ndarray, "1+stratum draw"],
    draws: Draws,
    *,
    recognised: int,
) -> PairBootstrap:
    """Compare two single models on the same test images.

    The interval estimates the difference between these two models over all test groups like
    these, with the classes as frequent as here. It does not extend to other seeds.

    Args:
        difference: Of a metric on the test images as they are.
        drawn: The same on the draws, from `drawn_scores`.
        draws: From `draw_groups`.
        recognised: From `least_recognised`.
    """
    few = min(map(len, draws.strata))
    if few < GROUPS_NEEDED:
        note = (
            f"A class has only {few} test group{'s' * (few != 1)}: an interval over test groups "
            f"needs {GROUPS_NEEDED} of each class."
        )
    elif recognised < RECOGNISED_NEEDED:
        note = (
            f"Both models recognise hardly any test group of one class (at most {recognised}): an "
            f"interval over test groups needs {RECOGNISED_NEEDED} of each class."
        )
    elif drawn[1:].std(axis=1).min() <= _EQUAL:
        note = (
            "Both models have the same score on every test group of a class, so the variation "
            "over test groups cannot be estimated: no interval."
        )
    else:
        variance, squares = _over_groups(drawn, draws)
        interval = _interval(difference, variance, variance**2 / squares)
        note = "For these two models and other test groups; it does not extend to other seeds."
        return PairBootstrap(interval, note)
    return PairBootstrap(NO_INTERVAL, note)


def seeds_and_groups(
    differences: Float[ndarray, " seed"],
    drawn: Float[ndarray, "1+stratum draw seed"],
    draws: Draws,
) -> Interval:
    """Resample seeds and test groups together.

    The interval estimates the mean difference over all seeds and all test groups like these,
    where the interval over seeds alone takes the test set as given. Its variance is that of the
    mean over seeds on the drawn groups, and what the seeds add to it: s^2 / n over seeds, less
    the part that is due to the groups at hand, which the first holds already. In the drawn groups
    that part is twice as large, so it is the mean over draws of s^2 / n, less s^2 / n itself.
    (Percentiles of draws of both would hold it three times, Owen 2007, and too little of s^2 / n.)
    Degrees of freedom are Satterthwaite's, with all of s^2 / n as the seeds' share: the interval
    is a little too wide only where seeds change nothing.

    Args:
        differences: Of a metric on the test images as they are, by seed.
        drawn: The same on the draws, from `drawn_scores`.
        draws: From `draw_groups`.

    Returns:
        No interval below `SEEDS_NEEDED` seeds, or where a class has fewer than `GROUPS_NEEDED`
        groups or nothing varies.
    """
    n = len(differences)
    if n < SEEDS_NEEDED or min(map(len, draws.strata)) < GROUPS_NEEDED:
        return NO_INTERVAL
    over_groups, squares = _over_groups(drawn.mean(axis=-1), draws)
    over_seeds = float(differences.var(ddof=1)) / n
    at_hand = float(drawn[0].var(axis=-1, ddof=1).mean()) / n - over_seeds
    added = max(over_seeds - at_hand, 0.0)
    variance = over_groups + added
    if variance <= _EQUAL**2:
        return NO_INTERVAL
    free = variance**2 / (over_seeds**2 / (n - 1) + squares)
    return _interval(float(differences.mean()), variance, free)


def _over_groups(drawn: Float[ndarray, "1+stratum draw"], draws: Draws) -> tuple[float, float]:
    """Return the variance over draws, and the sum over classes of variance^2 / freedom."""
    total, *alone = drawn.var(axis=1).tolist()
    pairs = zip(alone, draws.strata, strict=True)
    return total, sum(own**2 / (len(groups) - 1) for own, groups in pairs)


def _interval(middle: float, variance: float, free: float) -> Interval:
    half = float(stats.t.ppf((1 + LEVEL) / 2, free) * np.sqrt(variance))
    return Interval(middle - half, middle + half)
