"""From stored runs to the table of arms, the paired differences and the verdict."""

from pathlib import Path
from typing import Any

from twinlens.data.leakage import transductive
from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.openings import OPENINGS, read_openings
from twinlens.evaluation.statistics import paired_difference, summary
from twinlens.study.config import Study
from twinlens.study.plan import Run
from twinlens.study.store import is_finished, read_metrics, read_record
from twinlens.study.verdict import verdict

Scores = dict[str, dict[float, dict[int, dict[str, float]]]]
"""Metrics on the test set by arm, label budget and seed."""


def collect(
    folder: Path, study: Study, plan: list[Run], failures: dict[str, str]
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
    trainings = [run for run in plan if run.kind == "train" and is_finished(folder, run)]
    records = [read_record(folder, run) for run in trainings]
    precisions = {record["environment"]["precision"] for record in records}
    if len(precisions) > 1:
        raise UserError(
            f"{folder} mixes runs of the precisions {' and '.join(sorted(precisions))}: "
            "set 'precision' in the study and run it in a new folder."
        )
    scores: Scores = {arm: {budget: {} for budget in study.budgets} for arm in study.arms}
    for run in trainings:
        test = read_metrics(folder, run)["test"]
        scores[str(run.arm)][float(run.budget or 1)][run.seed] = {m: test[m] for m in METRICS}
    pairs = zip(trainings, records, strict=True)
    seen = {run.arm for run, record in pairs if transductive(record["config"])}
    results = {
        "title": study.title,
        "primary_metric": study.primary_metric,
        "reference": study.reference,
        "seeds": study.seeds,
        "budgets": study.budgets,
        "arms": {arm: _summaries(by_budget) for arm, by_budget in scores.items()},
        "differences": {
            arm: _differences(scores[arm], scores[study.reference])
            for arm in study.arms
            if arm != study.reference
        },
        "transductive": [arm for arm in study.arms if arm in seen],
        "test_openings": read_openings(folder / OPENINGS),
        "failures": [{"run": run, "reason": reason} for run, reason in failures.items()],
    }
    return {**results, "verdict": verdict(results)}


def _summaries(by_budget: dict[float, dict[int, dict[str, float]]]) -> dict[str, Any]:
    return {
        f"{budget:g}": {
            metric: {
                **summary([score[metric] for score in by_seed.values()]),
                "seeds": list(by_seed),
            }
            for metric in METRICS
        }
        for budget, by_seed in by_budget.items()
        if by_seed
    }


def _differences(
    arm: dict[float, dict[int, dict[str, float]]],
    reference: dict[float, dict[int, dict[str, float]]],
) -> dict[str, Any]:
    """Compare an arm with the reference over the seeds that both have."""
    result: dict[str, Any] = {}
    for budget, by_seed in arm.items():
        shared = [seed for seed in by_seed if seed in reference[budget]]
        if shared:
            pairs = {
                m: ([by_seed[s][m] for s in shared], [reference[budget][s][m] for s in shared])
                for m in METRICS
            }
            result[f"{budget:g}"] = {
                metric: {
                    **paired_difference(ours, theirs),
                    "means": [sum(ours) / len(shared), sum(theirs) / len(shared)],
                    "seeds": shared,
                }
                for metric, (ours, theirs) in pairs.items()
            }
    return result
