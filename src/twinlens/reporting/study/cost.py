"""What a study cost: time and speed of every arm, and of every run."""

from collections.abc import Sequence
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
from twinlens.reporting.tables.tables import Cell, Record, Table, arm_cell, number


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the table that the template shows."""
    return {"cost": cost_table(study)}


def cost_table(study: StoredStudy) -> Table | None:
    """Return what each arm took, pretraining included, and the sum with shared runs once."""
    if not study.runs:
        return None
    head = [Cell("Arm")]
    for kind in ("Pretraining", "Training"):
        head += [number(kind, "runs"), number("Time"), number("Images/s")]
    head.append(number("In all"))
    records = [_record(study, arm) for arm in study.arms]
    rows = [
        [arm_cell(study, [r["arm"]], _shared(study, r["shared_with"])), *_cells(r)] for r in records
    ]
    total: Record = {"arm": "all", "shared_with": [], **_sums(study.runs)}
    if len(rows) > 1:
        rows.append(
            [Cell("all", "shared runs once" if _any_shared(records) else ""), *_cells(total)]
        )
        records.append(total)
    lines = [{**r, "shared_with": "; ".join(r["shared_with"])} for r in records]
    return Table([*head], rows, "cost", lines)


def _record(study: StoredStudy, arm: str) -> Record:
    own = [run for run in study.runs if arm in run.arms]
    others = {other for run in own for other in run.arms if other != arm}
    shared = [other for other in study.arms if other in others]
    return {"arm": arm, "shared_with": shared, **_sums(own)}


def _sums(runs: Sequence[StoredRun]) -> Record:
    found: dict[str, float | int | None] = {}
    for kind, name in (("pretrain", "pretraining"), ("train", "training")):
        own = [run for run in runs if run.kind == kind and not run.external]
        found[f"{name}_runs"] = len(own)
        found[f"{name}_seconds"] = seconds(own)
        speeds = [run.info["images_per_s"] for run in own if run.info.get("images_per_s")]
        found[f"{name}_images_per_s"] = float(np.mean(speeds)) if speeds else None
    return {**found, "seconds": seconds(runs)}


def seconds(runs: Sequence[StoredRun]) -> float:
    """Return the time of runs together, of the attempts that finished them."""
    return float(sum(run.info.get("seconds") or 0 for run in runs))


def _cells(record: Record) -> list[Cell]:
    cells = []
    for kind in ("pretraining", "training"):
        runs, speed = record[f"{kind}_runs"], record[f"{kind}_images_per_s"]
        cells += [
            number(str(runs)),
            number(duration(record[f"{kind}_seconds"]) if runs else MISSING),
            number(MISSING if speed is None else count(speed)),
        ]
    return [*cells, number(duration(record["seconds"]))]


def _shared(study: StoredStudy, others: Sequence[str]) -> str:
    if not others:
        return ""
    if len(others) > 2:
        return f"pretraining shared with {len(others)} arms"
    return f"pretraining shared with {listing([study.arm_title(arm) for arm in others])}"


def _any_shared(records: Sequence[Record]) -> bool:
    return any(record["shared_with"] for record in records)


def runs_table(study: StoredStudy) -> Table | None:
    """Return every stored run with its learning rate, score and cost."""
    if not study.runs:
        return None
    head = [Cell("Run"), Cell("Arm"), number("Seed"), number("Labels"), number("Learning rate"),
            number(metric_title(study.primary)), number("Time")]  # fmt: skip
    ordered = sorted(study.runs, key=lambda run: (run.kind == "train", run.name))
    rows = [_run_row(study, run) for run in ordered]
    return Table(head, rows, "runs", [_run_record(study, run) for run in ordered])


def _run_row(study: StoredStudy, run: StoredRun) -> list[Cell]:
    finder = run.lr_finder
    fine_tuned = run.kind == "train"
    speed = run.info.get("images_per_s")
    detail = "" if fine_tuned else f"pretraining by {method_title(run.method)}"
    return [
        Cell(run.name),
        arm_cell(study, run.arms, "another tool's predictions" if run.external else detail),
        number(str(run.seed)),
        number(label_fraction_title(run.label_fraction) if fine_tuned else "none"),
        number(scientific(finder.suggestion if finder else None), finder.how if finder else ""),
        number(decimal(run.test.metrics[study.primary] if run.test else None)),
        number(
            MISSING if run.external else duration(run.info.get("seconds")),
            f"{count(speed)} images/s" if speed else "",
        ),
    ]


def _run_record(study: StoredStudy, run: StoredRun) -> Record:
    finder = run.lr_finder
    return {
        "run": run.name,
        "kind": run.info["kind"],
        "arms": "; ".join(run.arms),
        "seed": run.seed,
        "label_fraction": run.label_fraction if run.kind == "train" else None,
        "lr": finder and finder.suggestion,
        "lr_from": finder and finder.how,
        **{
            metric: run.test.metrics[metric] if run.test else None
            for metric in study.stored_metrics
        },
        "seconds": run.info.get("seconds"),
        "images_per_s": run.info.get("images_per_s"),
    }
