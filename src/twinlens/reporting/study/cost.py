"""What a study cost: time and speed of every arm, and of every run."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from twinlens.reporting.formatting import (
    MISSING,
    count,
    decimal,
    duration,
    label_fraction_title,
    listing,
    method_title,
    metric_title,
    scientific,
)
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import (
    Cell,
    Column,
    Table,
    arm_cell,
    key_column,
    make_table,
    number,
)


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the table that the template shows."""
    return {"cost": cost_table(study)}


def cost_table(study: StoredStudy) -> Table | None:
    """Return the cost of each arm, pretraining included, and the sum with shared runs once."""
    if not study.runs:
        return None
    rows = []
    for arm in study.arms:
        runs = [run for run in study.runs if arm in run.arms]
        sharing = {other for run in runs for other in run.arms if other != arm}
        shared = [other for other in study.arms if other in sharing]
        rows.append({"arm": arm, "shared_with": shared, **_sums(runs)})
    if len(rows) > 1:
        rows.append({"arm": "all", "shared_with": [], **_sums(study.runs)})
    any_shared = any(row["shared_with"] for row in rows)

    def name(row: dict[str, Any]) -> Cell:
        if row is rows[-1] and len(rows) > 1:
            return Cell("all", "shared runs once" if any_shared else "")
        return arm_cell(study, [row["arm"]], _shared(study, row["shared_with"]))

    columns = [Column("Arm", name)]
    for title in ("Pretraining", "Training"):
        kind = title.lower()
        columns += [
            Column(title, partial(_runs, kind=kind), "runs", numeric=True),
            Column("Time", partial(_time, kind=kind), numeric=True),
            Column("Images/s", partial(_speed, kind=kind), numeric=True),
        ]
    columns.append(key_column("In all", "seconds", duration, numeric=True))
    frame = [{**row, "shared_with": "; ".join(row["shared_with"])} for row in rows]
    return make_table(rows, columns, name="cost", frame=frame)


def _sums(runs: Sequence[StoredRun]) -> dict[str, Any]:
    sums: dict[str, float | int | None] = {}
    for kind, name in (("pretrain", "pretraining"), ("train", "training")):
        own = [run for run in runs if run.kind == kind and not run.external]
        speeds = [run.record.images_per_s for run in own if run.record.images_per_s]
        sums[f"{name}_runs"] = len(own)
        sums[f"{name}_seconds"] = seconds(own)
        sums[f"{name}_images_per_s"] = float(np.mean(speeds)) if speeds else None
    return {**sums, "seconds": seconds(runs)}


def seconds(runs: Sequence[StoredRun]) -> float:
    """Return the time of runs together, of the attempts that finished them."""
    return float(sum(run.record.seconds for run in runs))


def _runs(row: dict[str, Any], kind: str) -> str:
    return str(row[f"{kind}_runs"])


def _time(row: dict[str, Any], kind: str) -> str:
    return duration(row[f"{kind}_seconds"]) if row[f"{kind}_runs"] else MISSING


def _speed(row: dict[str, Any], kind: str) -> str:
    speed = row[f"{kind}_images_per_s"]
    return MISSING if speed is None else count(speed)


def _shared(study: StoredStudy, others: Sequence[str]) -> str:
    if not others:
        return ""
    if len(others) > 2:
        return f"pretraining shared with {len(others)} arms"
    return f"pretraining shared with {listing([study.arm_title(arm) for arm in others])}"


def runs_table(study: StoredStudy) -> Table | None:
    """Return every stored run with its learning rate, score and cost."""
    if not study.runs:
        return None
    rows = sorted(study.runs, key=lambda run: (run.kind == "train", run.name))
    columns = [
        Column("Run", lambda run: run.name),
        Column("Arm", lambda run: arm_cell(study, run.arms, _what(run))),
        Column("Seed", lambda run: str(run.seed), numeric=True),
        Column("Labels", _labels, numeric=True),
        Column("Learning rate", _learning_rate, numeric=True),
        Column(
            metric_title(study.primary),
            lambda run: decimal(run.test.metrics[study.primary] if run.test else None),
            numeric=True,
        ),
        Column("Time", _run_time, numeric=True),
    ]
    frame = [_run_values(study, run) for run in rows]
    return make_table(rows, columns, name="runs", frame=frame)


def _what(run: StoredRun) -> str:
    if run.external:
        return "another tool's predictions"
    return "" if run.kind == "train" else f"pretraining by {method_title(run.method)}"


def _labels(run: StoredRun) -> Cell:
    if run.kind == "pretrain":
        return number("none")
    epochs = run.training.epochs if run.training else None
    detail = f"{epochs:.3g} epochs" if epochs else ""
    return number(label_fraction_title(run.label_fraction), detail)


def _learning_rate(run: StoredRun) -> Cell:
    finder = run.lr_finder
    return number(scientific(finder.suggestion if finder else None), finder.how if finder else "")


def _run_time(run: StoredRun) -> Cell:
    speed = run.record.images_per_s
    detail = f"{count(speed)} images/s" if speed else ""
    return number(MISSING if run.external else duration(run.record.seconds), detail)


def _run_values(study: StoredStudy, run: StoredRun) -> dict[str, Any]:
    finder = run.lr_finder
    return {
        "run": run.name,
        "kind": run.record.kind,
        "arms": "; ".join(run.arms),
        "seed": run.seed,
        "label_fraction": run.label_fraction if run.kind == "train" else None,
        "epochs": run.training and run.training.epochs,
        "lr": finder and finder.suggestion,
        "lr_from": finder and finder.how,
        **{m: run.test.metrics.get(m) if run.test else None for m in study.stored_metrics},
        "seconds": run.record.seconds,
        "images_per_s": run.record.images_per_s,
    }
