"""Some classes against all others, such as malignant against benign."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.errors import UserError, unknown
from twinlens.evaluation.probabilities.ranking import (
    Weights,
    area,
    average_precision,
    rank,
    sensitivity_at,
    specificity_at,
)
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.records.dataset import ClassInfo
from twinlens.records.evaluation import (
    BinaryEvaluation,
    Estimate,
    NetBenefit,
    OperatingPoint,
)

MALIGNANT = "malignant"
TARGETS = (0.8, 0.9, 0.95)
BENEFIT_AT = tuple(float(round(t, 2)) for t in np.arange(0.02, 0.61, 0.02))
"""Probabilities from which one acts, of the decision curve."""

Scores = Float[ndarray, " image"]
Wanted = Bool[ndarray, " image"]


@dataclass(frozen=True)
class Positive:
    """The positive side: its name, and the numbers of its classes."""

    title: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Answers:
    """Images of a binary task: which are positive, and the score of each, higher for positive."""

    wanted: Wanted
    scores: Scores


def positive_side(
    asked: str | None, classes: Sequence[str], class_info: Mapping[str, ClassInfo]
) -> Positive | None:
    """Return the classes to tell from all others; None where none are named or known.

    Args:
        asked: Classes with commas between them, or a group of the classes; None for the group
            `MALIGNANT`, if there is one besides others.
        classes: Classes of the model.
        class_info: What is known about them.

    Raises:
        UserError: A class is unknown, or all classes are on one side.
    """
    groups = {info.group: info.group for info in class_info.values() if info.group}
    members = {g: [n for n in classes if n in class_info and class_info[n].group == g]
               for g in groups}  # fmt: skip
    name = asked or MALIGNANT
    if asked is None and len(members.get(name, ())) in (0, len(classes)):
        return None
    chosen = members.get(name) or [part.strip() for part in name.split(",")]
    for part in chosen:
        if part not in classes:
            raise unknown("class or group of classes", part, [*classes, *members])
    if len(set(chosen)) == len(classes):
        raise UserError(f"Positive '{name}' names all classes: leave out those to tell them from.")
    numbers = tuple(sorted({classes.index(part) for part in chosen}))
    title = name if name in members else " + ".join(classes[number] for number in numbers)
    return Positive(title, numbers)


def binary_evaluation(
    positive: Positive,
    classes: Sequence[str],
    test: Answers,
    val: Answers | None,
    groups: Sequence[str],
) -> BinaryEvaluation:
    """Evaluate the sum of the positive classes' probabilities.

    Args:
        positive: The positive side.
        classes: Classes of the model.
        test: The images.
        val: Validation images, which choose thresholds; None without any.
        groups: Name of each test image's group.
    """
    wanted, scores = test.wanted, test.scores
    sides = [len(wanted) - int(wanted.sum()), int(wanted.sum())]
    points = [(fixed, at) for fixed in ("sensitivity", "specificity") for at in TARGETS]
    thresholds = [threshold_for(val, fixed, at) if val else None for fixed, at in points]

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        ranking = rank(wanted, scores, weights)
        other = {"sensitivity": specificity_at, "specificity": sensitivity_at}
        columns = [area(ranking), average_precision(ranking)]
        columns += [other[fixed](ranking, at) for fixed, at in points]
        for threshold in thresholds:
            if threshold is not None:
                columns += _rates(wanted, scores >= threshold, weights)
        columns += [_net_benefit(wanted, scores, weights, at) for at in BENEFIT_AT]
        return np.stack(columns, axis=1)

    found = iter(bootstrap(numbers, number_groups(wanted.astype(np.int64), groups)).estimates())
    auc, precision = next(found), next(found)
    others = [next(found) for _ in points]
    return BinaryEvaluation(
        title=positive.title,
        positive=[classes[c] for c in positive.classes],
        positives=sides[1],
        negatives=sides[0],
        auc=auc,
        average_precision=precision,
        points=[
            _point(point, other, threshold, found)
            for point, other, threshold in zip(points, others, thresholds, strict=True)
        ],
        net_benefit=[
            NetBenefit(threshold=at, model=next(found), treat_all=_treat_all(wanted, at))
            for at in BENEFIT_AT
        ],
        note="" if all(sides) else _one_side(positive, sides),
    )


def threshold_for(answers: Answers, fixed: str, at: float) -> float | None:
    """Return the threshold at which sensitivity, or specificity, is at least `at`.

    It is the highest one for sensitivity and the lowest for specificity, midway between the two
    images that it separates; None where images of one side are missing.

    Args:
        answers: Images; from the threshold on one counts as positive.
        fixed: Which of the two.
        at: The target.
    """
    wanted, scores = answers.wanted, answers.scores
    if not 0 < wanted.sum() < len(wanted):
        return None
    values = np.concatenate([[np.inf], np.unique(scores)[::-1], [-np.inf]])
    lower_than = [np.searchsorted(np.sort(scores[of]), values[:-1]) for of in (wanted, ~wanted)]
    of_side = lower_than[0] if fixed == "sensitivity" else lower_than[1]
    share = of_side / of_side[0]
    rates = 1 - share if fixed == "sensitivity" else share
    reached = np.flatnonzero(rates >= at - 1e-9)
    step = int(reached.min() if fixed == "sensitivity" else reached.max())
    upper, lower = values[step], values[step + 1]
    if not np.isfinite(upper):
        return float(np.nextafter(lower, np.inf))
    return float((upper + lower) / 2 if np.isfinite(lower) else upper)


def _point(
    point: tuple[str, float], other: Estimate, threshold: float | None, found: Iterator[Estimate]
) -> OperatingPoint:
    fixed, at = point
    known = threshold is not None
    return OperatingPoint(
        fixed=fixed,
        target=at,
        other=other,
        threshold=threshold,
        sensitivity=next(found) if known else None,
        specificity=next(found) if known else None,
    )


def _rates(wanted: Wanted, flagged: Wanted, weights: Weights) -> list[Float[ndarray, " resample"]]:
    """Return sensitivity and specificity; NaN where a side has no image."""
    return [
        weights @ (flagged & wanted) / _positive_or_nan(weights @ wanted),
        weights @ (~flagged & ~wanted) / _positive_or_nan(weights @ ~wanted),
    ]


def _positive_or_nan(numbers: Float[ndarray, " resample"]) -> Float[ndarray, " resample"]:
    return np.where(numbers > 0, numbers, np.nan)


def _net_benefit(
    wanted: Wanted, scores: Scores, weights: Weights, at: float
) -> Float[ndarray, " resample"]:
    """Return TP / n - FP / n * t / (1 - t) of acting from the probability t on."""
    gain = np.where(wanted, 1.0, -at / (1 - at)) * (scores >= at)
    return np.asarray(weights @ gain / weights.sum(axis=1))


def _treat_all(wanted: Wanted, at: float) -> float:
    share = float(wanted.mean())
    return share - (1 - share) * at / (1 - at)


def _one_side(positive: Positive, sides: Sequence[int]) -> str:
    lacking = "positive" if not sides[1] else "negative"
    return (
        f"There is no {lacking} image ({positive.title} is positive), so sensitivity, specificity "
        "and area cannot both be known."
    )
