"""What to spend next: would more seeds, more labels or more unlabelled images pay?"""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import fmean

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import PairedDifference, paired_difference
from twinlens.records.results import StudyResults
from twinlens.study.analysis.scores import Curve
from twinlens.study.analysis.sentences import sentence
from twinlens.study.analysis.verdict import best_arm, main_differences, side_of
from twinlens.study.planning.config import Study


def advise(
    results: StudyResults, study: Study, curves: Mapping[str, Curve], images: Mapping[str, int]
) -> list[str]:
    """Say whether more seeds, more labels or more unlabelled images would help, by the study.

    Args:
        results: The results of the study, whose own advice is not read.
        study: The study.
        curves: Each arm's scores in the primary metric.
        images: How many images the pretraining of an arm saw, for arms that have one.

    Returns:
        A sentence or more for each, with the numbers behind it, or that the study cannot say.
    """
    labels = results.label_efficiency.labels if results.label_efficiency else {}
    return [_seeds(results), _labels(study, curves, labels), *_unlabelled(study, curves, images)]


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
    interval = sentence("seeds", "interval", arm=best.arm, half=half, n=best.n)
    if min_effect is None or best.seeds_needed is None:
        return sentence("seeds", "no_min_effect", interval=interval)
    side = side_of(best.interval, min_effect, sign=METRICS[best.metric].sign)
    name = "enough" if side else "more" if best.seeds_needed > best.n else "perhaps"
    return sentence(
        "seeds",
        name,
        interval=interval,
        side=side,
        min_effect=min_effect,
        needed=best.seeds_needed,
        n=best.n,
    )


def _labels(study: Study, curves: Mapping[str, Curve], labels: Mapping[float, int]) -> str:
    """Judge by the arm that is best with all labels: its gain between the two largest fractions."""
    if len(study.label_fractions) < 2:
        return sentence("labels", "one_fraction")
    sign = METRICS[study.primary_metric].sign
    less, most = sorted(study.label_fractions)[-2:]
    fewer, more = labels.get(less), labels.get(most)
    both = {arm: _shared(of.get(most, {}), of.get(less, {})) for arm, of in curves.items()}
    means = {arm: sign * fmean(pairs[0]) for arm, pairs in both.items() if pairs[0]}
    if not means or not fewer or not more or fewer == more:
        return sentence("labels", "no_runs")
    arm = max(means, key=lambda name: means[name])
    gain = paired_difference(*both[arm])
    return sentence(
        "labels",
        "gain",
        fewer=fewer,
        more=more,
        arm=arm,
        gain=_measured(gain),
        slope=gain.mean / math.log2(more / fewer),
        direction=_direction(gain, "labels", sign),
    )


def _unlabelled(study: Study, curves: Mapping[str, Curve], images: Mapping[str, int]) -> list[str]:
    """Compare arms that differ in nothing but the images that their pretraining saw."""
    alike: dict[str, list[str]] = {}
    for arm in images:
        alike.setdefault(_without_images(study, arm), []).append(arm)
    most, statements = max(study.label_fractions), []
    for arms in alike.values():
        for few, many in pairwise(sorted(arms, key=lambda arm: images[arm])):
            pairs = _shared(curves[many].get(most, {}), curves[few].get(most, {}))
            if pairs[0] and images[few] < images[many]:
                gain = paired_difference(*pairs)
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


def _shared(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[list[float], list[float]]:
    """Return the scores of the seeds that both have."""
    seeds = [seed for seed in a if seed in b]
    return [a[s] for s in seeds], [b[s] for s in seeds]


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


def _measured(gain: PairedDifference) -> str:
    low, high = gain.interval
    span = "" if low is None else sentence("gain", "span", low=low, high=high)
    n = len(gain.values)
    seeds = "seed" if n == 1 else "seeds"
    return sentence("gain", "measured", mean=gain.mean, span=span, n=n, seeds=seeds)


def _direction(gain: PairedDifference, section: str, sign: int) -> str:
    low, high = gain.interval
    if low is None or high is None:
        return sentence("gain", "no_interval") if len(gain.values) < 2 else gain.note
    if low <= 0 <= high:
        return sentence("gain", "includes_zero")
    return sentence(section, "up" if sign * gain.mean > 0 else "down")
