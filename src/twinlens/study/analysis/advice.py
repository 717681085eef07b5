"""What to spend next: would more seeds, more labels or more unlabelled images pay?"""

import json
import math
from itertools import pairwise
from statistics import fmean
from typing import Any

from twinlens.evaluation.statistics import paired_difference
from twinlens.study.analysis.verdict import best_arm, main_differences, settled
from twinlens.study.planning.config import Study

Curve = dict[float, dict[int, float]]
"""The primary metric on the test set by label fraction and seed."""


def advise(
    results: dict[str, Any], study: Study, curves: dict[str, Curve], images: dict[str, int]
) -> list[str]:
    """Say what the study tells about more seeds, more labels and more unlabelled images.

    Args:
        results: results.json without its verdict.
        study: The study.
        curves: Each arm's scores.
        images: How many images the pretraining of an arm saw, for arms that have one.

    Returns:
        A sentence or more for each, with what it rests on, or that the study cannot say.
    """
    labels = results["label_efficiency"].get("labels", {})
    return [
        _seeds(results),
        _labels(
            curves,
            {
                label_fraction: labels.get(f"{label_fraction:g}")
                for label_fraction in study.label_fractions
            },
        ),
        *_unlabelled(study, curves, images),
    ]


def _seeds(results: dict[str, Any]) -> str:
    found, min_effect = main_differences(results), results["min_effect"]
    if not found:
        return "More seeds: the study cannot say, as there are no two arms to compare yet."
    arm = best_arm(found)
    n, interval = found[arm]["n"], found[arm]["interval"]
    if n < 2:
        return "More seeds: yes, one pair of runs does not tell the spread; three is the least."
    if interval is None:
        return f"More seeds: the study cannot say. {found[arm]['note']}"
    half = (interval[1] - interval[0]) / 2
    rests = f"the interval of '{arm}' is ±{half:.3f} over {n} seeds"
    if min_effect is None:
        return (
            f"More seeds: {rests}, and four times as many would about halve it; declare "
            "'worthwhile' before the runs to learn how many are enough."
        )
    side = settled(interval, min_effect)
    if side:
        return f"More seeds: no, {rests} and lies wholly {side} the worthwhile {min_effect:g}."
    needed = found[arm]["seeds_needed"]
    if needed > n:
        return (
            f"More seeds: yes, {rests} and does not settle the worthwhile {min_effect:g}; about "
            f"{needed} seeds in all find such a difference with 80 % probability, as far as the "
            f"spread over {n} seeds tells."
        )
    return (
        f"More seeds: perhaps; {rests} and does not settle the worthwhile {min_effect:g}, although "
        f"{needed} seeds would find such a difference with 80 % probability: it is a close call."
    )


def _labels(curves: dict[str, Curve], labels: dict[float, int | None]) -> str:
    """Judge by the arm that is best with all labels: its gain between the two largest fractions."""
    if len(labels) < 2:
        return "More labels: the study cannot say, with one label fraction; run a smaller one too."
    less, most = sorted(labels)[-2:]
    fewer, more = labels[less], labels[most]
    both = {arm: [s for s in of[most] if s in of[less]] for arm, of in curves.items()}
    means = {
        arm: fmean(curves[arm][most][s] for s in seeds) for arm, seeds in both.items() if seeds
    }
    if not means or not fewer or not more or fewer == more:
        return (
            "More labels: the study cannot say, as runs of the two largest label fractions are "
            "lacking."
        )
    arm = max(means, key=lambda each: means[each])
    seeds = both[arm]
    gain = paired_difference(*([curves[arm][b][seed] for seed in seeds] for b in (most, less)))
    slope = gain["mean"] / math.log2(more / fewer)
    return (
        f"More labels: from {fewer:,} to {more:,} '{arm}' gained {_measured(gain)}, {slope:+.3f} a "
        f"doubling; {_direction(gain, 'still rising', 'falling')}, and beyond {more:,} nothing "
        "was run."
    )


def _unlabelled(study: Study, curves: dict[str, Curve], images: dict[str, int]) -> list[str]:
    """Compare arms that differ in nothing but the images that their pretraining saw."""
    alike: dict[str, list[str]] = {}
    for arm in images:
        alike.setdefault(_without_images(study, arm), []).append(arm)
    most, said = max(study.label_fractions), []
    for arms in alike.values():
        for few, many in pairwise(sorted(arms, key=lambda arm: images[arm])):
            ours, theirs = curves[many][most], curves[few][most]
            seeds = [seed for seed in ours if seed in theirs]
            if seeds and images[few] < images[many]:
                gain = paired_difference([ours[s] for s in seeds], [theirs[s] for s in seeds])
                said.append(
                    f"More unlabelled images: with {images[many]:,} instead of {images[few]:,}, "
                    f"'{many}' gained {_measured(gain)} over '{few}'; "
                    f"{_direction(gain, 'they helped', 'they harmed')}."
                )
    cannot = (
        "More unlabelled images: the study cannot say, as no two arms differ in the images of "
        "their pretraining alone."
    )
    return said or [cannot]


def _without_images(study: Study, arm: str) -> str:
    """Return all that determines an arm, save the images of its pretraining."""
    pretraining, chosen = study.pretraining(arm), study.arms[arm]
    rest = {
        "pretrain": pretraining.determining() if pretraining else None,
        "train": study.training(arm).model_dump(mode="json"),
        "weights": chosen.weights,
        "encoder": chosen.encoder or study.encoder,
    }
    return json.dumps(rest, sort_keys=True)


def _measured(gain: dict[str, Any]) -> str:
    n, interval = gain["n"], gain["interval"]
    span = f"95 % interval {interval[0]:+.3f} to {interval[1]:+.3f}, " if interval else ""
    return f"{gain['mean']:+.3f} ({span}{n} paired seed{'s' * (n > 1)})"


def _direction(gain: dict[str, Any], up: str, down: str) -> str:
    interval = gain["interval"]
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "that is not told from zero"
    return up if gain["mean"] > 0 else down
