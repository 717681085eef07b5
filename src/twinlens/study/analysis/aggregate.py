"""From stored runs to the table of arms, the paired differences and the verdict."""

from pathlib import Path
from typing import Any

import numpy as np

from twinlens.errors import UserError
from twinlens.evaluation.label_efficiency import worth
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import (
    effect_size,
    holm,
    paired_difference,
    sd_ratio,
    seeds_needed,
    summary,
)
from twinlens.evaluation.test_access import TEST_ACCESS, read_test_access
from twinlens.records.plan import PlannedRun
from twinlens.study.analysis.advice import Curve, advise
from twinlens.study.analysis.paired_bootstrap import resample
from twinlens.study.analysis.verdict import main_differences, verdict
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import is_finished, read_metrics, read_record

Scores = dict[float, dict[int, dict[str, float]]]
"""An arm's metrics on the test set by label fraction and seed."""


def collect(
    folder: Path, study: Study, plan: list[PlannedRun], failures: dict[str, str]
) -> dict[str, Any]:
    """Read the stored runs and compute everything that the report states.

    Args:
        folder: Folder of the study.
        study: The study.
        plan: Its runs.
        failures: For each run that failed, why.

    Returns:
        The content of results.json.

    Raises:
        UserError: Runs of different precision lie in one study.
    """
    records = {run.id: read_record(folder, run) for run in plan if is_finished(folder, run)}
    trainings: list[PlannedRun] = [
        run for run in plan if run.kind != "pretrain" and run.id in records
    ]
    _refuse_mixed(folder, [records[run.id] for run in trainings])
    scores: dict[str, Scores] = {
        a: {label_fraction: {} for label_fraction in study.label_fractions} for a in study.arms
    }
    for run in trainings:
        test = read_metrics(folder, run)["test"]
        scores[str(run.arm)][float(run.label_fraction or 1)][run.seed] = {
            m: test[m] for m in METRICS
        }
    seen = {run.arm for run in trainings if records[run.id].get("transductive")}
    results = {
        "title": study.title,
        "primary_metric": study.primary_metric,
        "min_effect": study.min_effect,
        "reference": study.reference,
        "seeds": study.seeds,
        "label_fractions": study.label_fractions,
        "arms": {arm: _summaries(by_label_fraction) for arm, by_label_fraction in scores.items()},
        "differences": _differences(folder, study, trainings, scores),
        "transductive": [arm for arm in study.arms if arm in seen],
        "test_access": read_test_access(folder / TEST_ACCESS),
        "failures": [{"run": run, "reason": reason} for run, reason in failures.items()],
    }
    curves = {
        arm: _curve(by_label_fraction, study.primary_metric)
        for arm, by_label_fraction in scores.items()
    }
    results["label_efficiency"] = _label_efficiency(study, curves, trainings, records)
    images = {str(r.arm): records[r.needs]["images"] for r in trainings if r.needs in records}
    results["advice"] = advise(results, study, curves, images)
    return {**results, "verdict": verdict(results)}


def _refuse_mixed(folder: Path, records: list[dict[str, Any]]) -> None:
    """Refuse trainings of several precisions; another tool's predictions have none."""
    precisions = {r["environment"]["precision"] for r in records if "environment" in r}
    if len(precisions) > 1:
        raise UserError(
            f"{folder} mixes runs of the precisions {' and '.join(sorted(precisions))}: "
            "set 'precision' in the study and run it in a new folder."
        )


def _summaries(by_label_fraction: Scores) -> dict[str, Any]:
    return {
        f"{label_fraction:g}": {
            metric: {
                **summary([score[metric] for score in by_seed.values()]),
                "seeds": list(by_seed),
            }
            for metric in METRICS
        }
        for label_fraction, by_seed in by_label_fraction.items()
        if by_seed
    }


def _differences(
    folder: Path, study: Study, trainings: list[PlannedRun], scores: dict[str, Scores]
) -> dict[str, Any]:
    """Compare every arm with the reference at each label fraction, over the seeds of both."""
    result: dict[str, Any] = {arm: {} for arm in study.arms if arm != study.reference}
    runs: dict[tuple[str, float], dict[int, PlannedRun]] = {}
    for run in trainings:
        runs.setdefault((str(run.arm), float(run.label_fraction or 1)), {})[run.seed] = run
    for label_fraction in study.label_fractions:
        others = {arm: runs.get((arm, label_fraction), {}) for arm in result}
        resampled = resample(folder, others, runs.get((study.reference, label_fraction), {}))
        theirs = scores[study.reference][label_fraction]
        for arm, by_label_fraction in result.items():
            ours = scores[arm][label_fraction]
            shared = [seed for seed in ours if seed in theirs]
            if shared:
                by_label_fraction[f"{label_fraction:g}"] = {
                    metric: _difference(
                        [ours[s][metric] for s in shared],
                        [theirs[s][metric] for s in shared],
                        study.min_effect if metric == study.primary_metric else None,
                    )
                    | {"seeds": shared, "p_holm": None, "resampled_interval": None}
                    | resampled.get(arm, {}).get(metric, {})
                    for metric in METRICS
                }
    family = main_differences({**study.model_dump(), "differences": result})
    corrected = holm([difference["p"] for difference in family.values()])
    for difference, p in zip(family.values(), corrected, strict=True):
        difference["p_holm"] = p
    return result


def _difference(ours: list[float], theirs: list[float], min_effect: float | None) -> dict[str, Any]:
    """Compare one metric of two arms over the same seeds."""
    found = paired_difference(ours, theirs)
    values = found["values"]
    return {
        **found,
        "means": [sum(ours) / len(ours), sum(theirs) / len(theirs)],
        "effect_size": effect_size(values),
        "sd_ratio": sd_ratio(ours, theirs),
        "seeds_needed": seeds_needed(values, min_effect) if min_effect else None,
    }


def _curve(by_label_fraction: Scores, metric: str) -> Curve:
    return {
        b: {seed: score[metric] for seed, score in by.items()}
        for b, by in by_label_fraction.items()
    }


def _label_efficiency(
    study: Study,
    curves: dict[str, Curve],
    trainings: list[PlannedRun],
    records: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Say how many labels the reference needs for what each arm reached; {} for one fraction."""
    counts: dict[float, list[int]] = {
        label_fraction: [] for label_fraction in study.label_fractions
    }
    for run in trainings:
        if run.kind == "train":
            counts[float(run.label_fraction or 1)].append(records[run.id]["images"])
    labels = {b: round(float(np.mean(images))) for b, images in counts.items() if images}
    reference = {float(n): by for b, n in labels.items() if (by := curves[study.reference][b])}
    if len(reference) < 2:
        return {}
    data = records[trainings[0].id]["data"]
    return {
        "labels": {f"{label_fraction:g}": number for label_fraction, number in labels.items()},
        "val_labels": sum(data["counts"]["val"].get(name, 0) for name in data["classes"]),
        "worth": {
            arm: {
                f"{label_fraction:g}": worth(
                    curve[label_fraction],
                    labels[label_fraction],
                    reference,
                    arm=arm,
                    to=study.reference,
                )
                for label_fraction in study.label_fractions
                if curve[label_fraction] and label_fraction in labels
            }
            for arm, curve in curves.items()
            if arm != study.reference
        },
    }
