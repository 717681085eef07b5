"""What to do next: a frozen baseline, more seeds, more labels or more unlabelled images?"""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import fmean

from twinlens.evaluation.metrics import METRICS
from twinlens.records.results import Difference, StudyResults
from twinlens.study.analysis.comparisons import Comparison, Comparisons
from twinlens.study.analysis.sentences import sentence
from twinlens.study.analysis.verdict import baseline_winner, best_arm, main_differences, side_of
from twinlens.study.planning.config import Study

_EXAMPLE = "dinov2_small"  # a name in WEIGHTS
_TWO_SIDED = 1.96  # standard errors to either side of a normal mean hold it at 95 %


def advise(
    results: StudyResults, study: Study, comparisons: Comparisons, images: Mapping[str, int]
) -> list[str]:
    """Say whether to use frozen features, and whether more seeds, labels or images would help.

    Args:
        results: The results of the study, whose own advice is not read.
        study: The study.
        comparisons: Of its finished trainings.
        images: How many images the pretraining of an arm saw, for arms that have one.

    Returns:
        A sentence or more for each, with the numbers behind it, or that the study cannot say.
    """
    labels = results.label_efficiency.labels if results.label_efficiency else {}
    return [
        _baseline(results, study),
        _seeds(results),
        _labels(study, comparisons, labels),
        *_unlabelled(study, comparisons, images),
    ]


def _baseline(results: StudyResults, study: Study) -> str:
    """Say what follows from the comparison with frozen features, or how to have one."""
    if not results.baselines:
        name = "none_at_hand" if study.baselines == "auto" else "none"
        return sentence("baseline_advice", name, weights=_EXAMPLE)
    against = results.against_baseline
    if not against:
        return sentence("baseline_advice", "not_run")
    frozen = study.arms[against.baseline]
    return sentence(
        "baseline_advice",
        baseline_winner(results) or "open",
        arm=against.arm,
        baseline=against.baseline,
        start=f"'encoder: {frozen.encoder}' and 'weights: {frozen.weights}'",
    )


def _seeds(results: StudyResults) -> str:
    differences, min_effect = main_differences(results), results.min_effect
    if not differences:
        return sentence("seeds", "nothing")
    best = differences[best_arm(differences)]
    if best.n < 2:
        return sentence("seeds", "one")
    if best.interval is None:
        return sentence("seeds", "equal", note=best.note)
    half = (best.interval[1] - best.interval[0]) / 2
    error = best.group_error
    floor = sentence("seeds", "floor", floor=_TWO_SIDED * error) if error else ""
    interval = sentence("seeds", "interval", arm=best.arm, half=half, n=best.n)
    return sentence(
        "seeds",
        _whether(best, min_effect),
        interval=interval,
        floor=floor,
        side=min_effect and _side(best, min_effect),
        min_effect=min_effect,
        least=best.seeds_needed_low,
        needed=best.seeds_needed,
        n=best.n,
    )


def _whether(best: Difference, min_effect: float | None) -> str:
    """Return the name of the sentence that says whether more seeds pay."""
    if min_effect is None:
        return "no_min_effect"
    if _side(best, min_effect):
        return "enough"
    if best.seeds_needed is None:
        return "test_images"
    return "more" if best.seeds_needed > best.n else "perhaps"


def _side(best: Difference, min_effect: float) -> str | None:
    return best.interval and side_of(best.interval, min_effect, sign=METRICS[best.metric].sign)


def _labels(study: Study, comparisons: Comparisons, labels: Mapping[float, int]) -> str:
    """Judge by the arm that is best with all labels: its gain between the two largest fractions."""
    if len(study.label_fractions) < 2:
        return sentence("labels", "one_fraction")
    metric = study.primary_metric
    less, most = sorted(study.label_fractions)[-2:]
    fewer, more = labels.get(less), labels.get(most)
    gains = {
        arm: gain
        for arm in study.arms
        if (gain := comparisons.compare((arm, most), (arm, less), metric))
    }
    if not gains or not fewer or not more or fewer == more:
        return sentence("labels", "no_runs")
    arm = max(gains, key=lambda name: METRICS[metric].sign * fmean(gains[name].a))
    return sentence(
        "labels",
        "gain",
        fewer=fewer,
        more=more,
        arm=arm,
        gain=_measured(gains[arm]),
        slope=gains[arm].over_seeds.mean / math.log2(more / fewer),
        direction=_direction(gains[arm], "labels", METRICS[metric].sign),
    )


def _unlabelled(study: Study, comparisons: Comparisons, images: Mapping[str, int]) -> list[str]:
    """Compare arms that differ in nothing but the images that their pretraining saw."""
    alike: dict[str, list[str]] = {}
    for arm in images:
        alike.setdefault(_without_images(study, arm), []).append(arm)
    most, statements = max(study.label_fractions), []
    for arms in alike.values():
        for few, many in pairwise(sorted(arms, key=lambda arm: images[arm])):
            gain = comparisons.compare((many, most), (few, most), study.primary_metric)
            if gain and images[few] < images[many]:
                direction = _direction(gain, "images", METRICS[study.primary_metric].sign)
                statements.append(
                    sentence(
                        "images",
                        "gain",
                        many=images[many],
                        few=images[few],
                        arm=many,
                        other=few,
                        gain=_measured(gain),
                        direction=direction,
                    )
                )
    return statements or [sentence("images", "nothing")]


def _without_images(study: Study, arm: str) -> str:
    """Return all that determines an arm, except the images of its pretraining."""
    pretraining, chosen = study.pretraining(arm), study.arms[arm]
    rest = {
        "pretrain": pretraining.determining() if pretraining else None,
        "train": study.training(arm).model_dump(mode="json"),
        "weights": chosen.weights,
        "encoder": chosen.encoder or study.encoder,
    }
    return json.dumps(rest, sort_keys=True)


def _measured(gain: Comparison) -> str:
    n, (low, high) = len(gain.seeds), gain.interval
    span = "" if low is None or n < 2 else sentence("gain", "span", low=low, high=high)
    seeds = "seed" if n == 1 else "seeds"
    return sentence("gain", "measured", mean=gain.over_seeds.mean, span=span, n=n, seeds=seeds)


def _direction(gain: Comparison, section: str, sign: int) -> str:
    low, high = gain.interval
    if len(gain.seeds) < 2:
        return sentence("gain", "no_interval")
    if low is None or high is None:
        return gain.note
    if low <= 0 <= high:
        return sentence("gain", "includes_zero")
    return sentence(section, "up" if sign * gain.over_seeds.mean > 0 else "down")
