"""From stored runs to the results of a study: arms, paired differences, label efficiency."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from twinlens.errors import UserError
from twinlens.evaluation.label_efficiency import Arm, Reference, equivalent_labels
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
from twinlens.records.results import (
    ArmSummary,
    BestModel,
    Difference,
    EquivalentLabels,
    FailedRun,
    LabelEfficiency,
    StudyResults,
)
from twinlens.records.run import PretrainRun, RunRecord, TrainRun
from twinlens.study.analysis.advice import advise
from twinlens.study.analysis.paired_bootstrap import Resampled, resample
from twinlens.study.analysis.scores import (
    Curve,
    collect_scores,
    curves,
    test_metrics,
    write_scores,
)
from twinlens.study.analysis.verdict import main_differences, verdict
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import is_finished, read_record

Tables = Mapping[tuple[str, float], pd.DataFrame]
"""Metrics on the test images by arm and label fraction: seeds down, metrics across."""


def collect(
    folder: Path,
    study: Study,
    plan: list[PlannedRun],
    failures: Mapping[str, str],
    best: BestModel | None = None,
) -> StudyResults:
    """Read the stored runs, write their scores as one table, and compute all results from it.

    Args:
        folder: Folder of the study.
        study: The study.
        plan: Its runs.
        failures: For each run that failed, why.
        best: The model that is kept.

    Raises:
        UserError: Runs of different precision lie in one study.
    """
    records = {run.id: read_record(folder, run) for run in plan if is_finished(folder, run)}
    trainings = [run for run in plan if run.kind != "pretrain" and run.id in records]
    _refuse_mixed(folder, [records[run.id] for run in trainings])
    scores = collect_scores(folder, trainings)
    write_scores(folder, scores)
    tables = test_metrics(scores)
    transductive = {run.arm for run in trainings if getattr(records[run.id], "transductive", False)}
    by_arm = curves(scores, study.primary_metric, list(study.arms))
    results = StudyResults(
        title=study.title,
        primary_metric=study.primary_metric,
        min_effect=study.min_effect,
        reference=study.reference,
        seeds=study.seeds,
        label_fractions=study.label_fractions,
        metrics=list(METRICS),
        arms=list(study.arms),
        transductive=[arm for arm in study.arms if arm in transductive],
        test_access=read_test_access(folder / TEST_ACCESS),
        failures=[FailedRun(run=run, reason=reason) for run, reason in failures.items()],
        summaries=_summaries(study, tables),
        differences=_differences(folder, study, trainings, tables),
        label_efficiency=_label_efficiency(study, by_arm, trainings, records),
        advice=[],
        best=best,
        verdict=[],
    )
    results = _with_holm(results)
    images = {
        str(run.arm): pretraining.images
        for run in trainings
        if isinstance(pretraining := records.get(run.needs or ""), PretrainRun)
    }
    sentences = {"advice": advise(results, study, by_arm, images), "verdict": verdict(results)}
    return results.model_copy(update=sentences)


def _refuse_mixed(folder: Path, records: Sequence[RunRecord]) -> None:
    """Refuse trainings of several precisions; another tool's predictions have none."""
    precisions = {r.environment.precision for r in records if isinstance(r, TrainRun)}
    if len(precisions) > 1:
        raise UserError(
            f"{folder} mixes runs of the precisions {' and '.join(sorted(precisions))}: "
            "set 'precision' in the study and run it in a new folder."
        )


def _summaries(study: Study, tables: Tables) -> list[ArmSummary]:
    return [
        summarise(arm, fraction, metric, tables[arm, fraction][metric])
        for arm in study.arms
        for fraction in study.label_fractions
        if (arm, fraction) in tables
        for metric in METRICS
    ]


def summarise(arm: str, fraction: float, metric: str, values: "pd.Series[float]") -> ArmSummary:
    """Summarise one metric of an arm, whose values are indexed by seed."""
    over_seeds = summary(values.tolist())
    return ArmSummary(
        arm=arm,
        label_fraction=fraction,
        metric=metric,
        n=len(values),
        mean=over_seeds.mean,
        sd=over_seeds.sd,
        low=over_seeds.interval.low,
        high=over_seeds.interval.high,
        note=over_seeds.note,
        seeds=values.index.tolist(),
        values=values.tolist(),
    )


def _differences(
    folder: Path, study: Study, trainings: Sequence[PlannedRun], tables: Tables
) -> list[Difference]:
    """Compare every arm with the reference at each label fraction, over the seeds of both."""
    runs: dict[tuple[str, float], dict[int, PlannedRun]] = {}
    for run in trainings:
        runs.setdefault((str(run.arm), float(run.label_fraction or 1)), {})[run.seed] = run
    others = [arm for arm in study.arms if arm != study.reference]
    rows = []
    for fraction in study.label_fractions:
        compared = {arm: runs.get((arm, fraction), {}) for arm in others}
        resampled = resample(folder, compared, runs.get((study.reference, fraction), {}))
        for arm in others:
            pair = tables.get((arm, fraction)), tables.get((study.reference, fraction))
            if pair[0] is None or pair[1] is None:
                continue
            seeds = pair[0].index.intersection(pair[1].index)
            for metric in METRICS if len(seeds) else ():
                a, b = (table.loc[seeds, metric] for table in pair if table is not None)
                min_effect = study.min_effect if metric == study.primary_metric else None
                found = resampled.get((arm, metric), Resampled())
                rows.append(compare_arms((arm, fraction, metric), a, b, min_effect, found))
    return rows


def compare_arms(
    key: tuple[str, float, str],
    a: "pd.Series[float]",
    b: "pd.Series[float]",
    min_effect: float | None,
    resampled: Resampled,
) -> Difference:
    """Compare one metric of two arms over the same seeds."""
    paired = paired_difference(a.tolist(), b.tolist())
    ratio, ratio_ends = sd_ratio(a.tolist(), b.tolist())
    pair = resampled.pair
    return Difference(
        arm=key[0],
        label_fraction=key[1],
        metric=key[2],
        n=len(a),
        mean=paired.mean,
        low=paired.interval.low,
        high=paired.interval.high,
        p=paired.p,
        p_holm=None,
        note=paired.note,
        seeds=a.index.tolist(),
        values=paired.values,
        arm_mean=float(a.mean()),
        reference_mean=float(b.mean()),
        effect_size=effect_size(paired.values),
        sd_ratio=ratio,
        sd_ratio_low=ratio_ends.low,
        sd_ratio_high=ratio_ends.high,
        seeds_needed=seeds_needed(paired.values, min_effect) if min_effect else None,
        resampled_low=resampled.seeds_and_groups.low,
        resampled_high=resampled.seeds_and_groups.high,
        bootstrap_low=pair.interval.low if pair else None,
        bootstrap_high=pair.interval.high if pair else None,
        bootstrap_note=pair.note if pair else "",
    )


def _with_holm(results: StudyResults) -> StudyResults:
    """Correct the tests of the primary metric at the largest label fraction."""
    tested = main_differences(results)
    corrected = dict(zip(tested, holm([row.p for row in tested.values()]), strict=True))
    rows = [
        row.model_copy(update={"p_holm": corrected[row.arm]}) if row in tested.values() else row
        for row in results.differences
    ]
    return results.model_copy(update={"differences": rows})


def _label_efficiency(
    study: Study,
    by_arm: Mapping[str, Curve],
    trainings: Sequence[PlannedRun],
    records: Mapping[str, RunRecord],
) -> LabelEfficiency | None:
    """Compute each arm's equivalent labels; None with fewer than two fractions of the reference."""
    images: dict[float, list[int]] = {fraction: [] for fraction in study.label_fractions}
    for run in trainings:
        if isinstance(record := records[run.id], TrainRun):
            images[float(run.label_fraction or 1)].append(record.images)
    labels = {fraction: round(float(np.mean(n))) for fraction, n in images.items() if n}
    sign = METRICS[study.primary_metric].sign
    signed = {
        arm: {b: {s: sign * v for s, v in by_seed.items()} for b, by_seed in curve.items()}
        for arm, curve in by_arm.items()
    }
    scores = {labels[b]: by for b, by in signed[study.reference].items() if b in labels}
    if len(scores) < 2:
        return None
    data = records[trainings[0].id].data
    reference = Reference(study.reference, scores)
    return LabelEfficiency(
        labels=labels,
        val_labels=sum(data.counts["val"].get(name, 0) for name in data.classes),
        equivalent_labels=[
            _equivalent(Arm(arm, labels[fraction], signed[arm][fraction]), fraction, reference)
            for arm in study.arms
            if arm != study.reference
            for fraction in study.label_fractions
            if fraction in signed[arm] and fraction in labels
        ],
    )


def _equivalent(arm: Arm, fraction: float, reference: Reference) -> EquivalentLabels:
    found = equivalent_labels(arm, reference)
    return EquivalentLabels(
        arm=arm.name,
        label_fraction=fraction,
        labels=arm.labels,
        equivalent=found.labels,
        low=found.interval.low,
        high=found.interval.high,
        sentence=found.sentence,
    )
