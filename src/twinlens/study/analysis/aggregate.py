"""From stored runs to the results of a study: arms, paired differences, label efficiency."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.test_access import TEST_ACCESS, log_look, read_test_access
from twinlens.evaluation.uncertainty.statistics import summary
from twinlens.records.plan import PlannedRun
from twinlens.records.results import ArmSummary, BestModel, FailedRun, StudyResults
from twinlens.records.run import PretrainRun, RunRecord, TrainRun
from twinlens.study.analysis.advice import advise
from twinlens.study.analysis.comparisons import Tables, read_comparisons
from twinlens.study.analysis.differences import against_baseline, differences, with_holm
from twinlens.study.analysis.label_savings import label_savings
from twinlens.study.analysis.scores import collect_scores, test_metrics, write_scores
from twinlens.study.analysis.verdict import verdict
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import is_finished, read_record


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
    looks = _look(folder, study, plan, records)
    comparisons = read_comparisons(folder, trainings, tables, looks)
    results = StudyResults(
        title=study.title,
        primary_metric=study.primary_metric,
        min_effect=study.min_effect,
        reference=study.reference,
        seeds=study.seeds,
        label_fractions=study.label_fractions,
        metrics=[name for name in METRICS if any(name in table for table in tables.values())],
        arms=list(study.arms),
        transductive=[arm for arm in study.arms if arm in transductive],
        test_access=read_test_access(folder / TEST_ACCESS),
        looks=looks,
        failures=[FailedRun(run=run, reason=reason) for run, reason in failures.items()],
        summaries=_summaries(study, tables),
        differences=differences(study, comparisons),
        baselines=study.baseline_arms,
        against_baseline=against_baseline(study, comparisons, scores),
        label_efficiency=label_savings(study, comparisons, trainings, records),
        advice=[],
        best=best,
        verdict=[],
    )
    results = with_holm(results)
    images = {
        str(run.arm): pretraining.images
        for run in trainings
        if isinstance(pretraining := records.get(run.needs or ""), PretrainRun)
    }
    sentences = {"advice": advise(results, study, comparisons, images), "verdict": verdict(results)}
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
        if metric in tables[arm, fraction]
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


def _look(
    folder: Path, study: Study, plan: Sequence[PlannedRun], finished: Mapping[str, RunRecord]
) -> list[int]:
    """Log a look at the primary differences; return the numbers of seeds at all looks so far.

    Only an arm with all its seeds counts: who stops a study to resume it has not looked yet.
    """
    planned: dict[str, set[int]] = {arm: set() for arm in study.arms}
    done: dict[str, set[int]] = {arm: set() for arm in study.arms}
    for run in plan:
        if run.arm and run.label_fraction == max(study.label_fractions):
            planned[run.arm].add(run.seed)
            if run.id in finished:
                done[run.arm].add(run.seed)
    pairs = [
        len(done[arm] & done[study.reference])
        for arm in study.arms
        if arm != study.reference and planned[arm] == done[arm]
    ]
    images = [record.data.counts.get("test", {}) for record in finished.values()]
    most = max((sum(of_class.values()) for of_class in images), default=0)
    return log_look(folder / TEST_ACCESS, images=most, seeds=max(pairs, default=0))
