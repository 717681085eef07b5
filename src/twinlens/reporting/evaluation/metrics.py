"""Every metric on each data set, by image and by group."""

from typing import Any

from twinlens.records.evaluation import Estimate, EvaluationRecord, MetricEstimates
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.formatting import count, decimal, interval, metric_title
from twinlens.reporting.tables.tables import Cell, Column, Table, make_table, number


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    record = evaluation.record
    return {
        "metrics": metrics_table(record),
        "drops": drops_table(record),
        "by_group": any(data.by_group for data in record.data),
    }


def estimate_cell(estimate: Estimate | None, *, signed: bool = False) -> Cell:
    """Return a number with its interval below it; nothing where there is no number to expect."""
    if estimate is None:
        return number("")
    if estimate.low is None or estimate.high is None:
        return number(decimal(estimate.value, signed=signed))
    ends = interval([estimate.low, estimate.high], signed=signed)
    return number(decimal(estimate.value, signed=signed), ends)


def estimate_row(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as the columns of a CSV file."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high,
            "note": estimate.note}  # fmt: skip


def metrics_table(record: EvaluationRecord) -> Table:
    """Return one row per metric, with columns for each data set by image and by group."""
    scored = [(f"{data.name}, by image", data.by_image) for data in record.data]
    scored += [(f"{d.name}, by group", d.by_group) for d in record.data if d.by_group]
    frame = [
        {"data": title, "metric": name, **estimate_row(estimate)}
        for title, scores in scored
        for name, estimate in scores.metrics.items()
    ]
    alone = len(record.data) == 1
    columns = [Column("Metric", metric_title), *(_column(*of, alone=alone) for of in scored)]
    return make_table(record.data[0].by_image.metrics, columns, name="metrics", frame=frame)


def drops_table(record: EvaluationRecord) -> Table | None:
    """Return what each further data set loses or gains against the first; None for a single one."""
    if not record.drops:
        return None
    found = {(drop.metric, drop.external): drop.difference for drop in record.drops}
    columns = [
        Column("Metric", metric_title),
        *(_difference_column(data.name, found) for data in record.data[1:]),
    ]
    frame = [
        {"metric": d.metric, "external": d.external, **estimate_row(d.difference)}
        for d in record.drops
    ]
    return make_table(dict.fromkeys(m for m, _ in found), columns, name="drops", frame=frame)


def _difference_column(name: str, found: dict[tuple[str, str], Estimate]) -> Column:
    return Column(
        name, lambda metric: estimate_cell(found[metric, name], signed=True), numeric=True
    )


def _column(title: str, scores: MetricEstimates, *, alone: bool) -> Column:
    title = title.rpartition(", ")[2].capitalize() if alone else title
    detail = f"{count(scores.n)} of {count(scores.groups)} groups"
    return Column(title, lambda name: estimate_cell(scores.metrics[name]), detail, numeric=True)
