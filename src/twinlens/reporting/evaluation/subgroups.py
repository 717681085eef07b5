"""The metrics by sex, age, site or any other column, and the largest gaps."""

from typing import Any

from twinlens.evaluation.metrics import METRICS
from twinlens.records.reliability import Gap, SubgroupScores
from twinlens.reporting.evaluation.abstention import assessed
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.evaluation.metrics import estimate_cell, estimate_row
from twinlens.reporting.formatting import count, listing, metric_title, plain
from twinlens.reporting.tables.tables import Cell, Column, Table, make_table

_SHOWN = ("accuracy", "balanced_accuracy", "macro_auc")
"""Metrics of the page; the files hold all."""

Scored = tuple[str, SubgroupScores]
Gaps = tuple[str, Gap]


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    found = assessed(evaluation.record)
    scores = [(name, s) for name, of in found for s in of.subgroups.scores]
    gaps = [(name, gap) for name, of in found for gap in of.subgroups.gaps]
    left_out = {plain(c): why for _, of in found for c, why in of.subgroups.left_out.items()}
    names = [Column("Images", lambda row: row[0])] if len(found) > 1 else []
    return {
        "scores": _scores_table(scores, names) if scores else None,
        "gaps": _gaps_table(gaps, names) if gaps else None,
        "left_out": left_out,
        "small": any(s.small for _, s in scores),
    }


def _scores_table(rows: list[Scored], names: list[Column]) -> Table:
    firsts = {(name, s.column): s.value for name, s in reversed(rows)}

    def subgroup(row: Scored) -> Cell:
        scores = row[1]
        marks = ["small"] if scores.small else []
        marks += [f"no {listing(scores.absent)}"] if scores.absent else []
        return Cell(scores.value, "\n".join(marks))

    columns = [
        Column("Column", lambda row: plain(row[1].column)
               * (firsts[row[0], row[1].column] == row[1].value)),
        *names,
        Column("Subgroup", subgroup),
        Column("Images", lambda row: count(row[1].images), numeric=True),
        Column("Groups", lambda row: count(row[1].groups), numeric=True),
        *map(_metric_column, _metrics()),
    ]  # fmt: skip
    frame = [
        {"data": name, "column": s.column, "value": s.value, "images": s.images,
         "groups": s.groups, "small": s.small, "absent": " ".join(s.absent), "metric": metric}
        | estimate_row(estimate)
        for name, s in rows
        for metric, estimate in s.metrics.items()
    ]  # fmt: skip
    return make_table(rows, columns, name="subgroups", frame=frame)


def _metric_column(metric: str) -> Column:
    return Column(
        metric_title(metric), lambda row: estimate_cell(row[1].metrics.get(metric)), numeric=True
    )


def _metrics() -> list[str]:
    return [name for name in _SHOWN if name in METRICS]


def _gaps_table(rows: list[Gaps], names: list[Column]) -> Table:
    """Return the largest gap of each column; those of all metrics are in the file."""
    shown = [row for row in rows if row[1].metric in _metrics()]

    columns = [
        Column("Column", lambda row: plain(row[1].column)),
        *names,
        Column("Metric", lambda row: metric_title(row[1].metric)),
        Column("Gap", lambda row: estimate_cell(row[1].difference), numeric=True),
        Column("Best", lambda row: row[1].best),
        Column("Worst", lambda row: row[1].worst),
        Column("Classes of one only", lambda row: listing(row[1].absent)),
    ]
    frame = [
        {"data": name, "column": gap.column, "metric": gap.metric, "best": gap.best,
         "worst": gap.worst}
        | estimate_row(gap.difference)
        for name, gap in rows
    ]  # fmt: skip
    return make_table(shown, columns, name="gaps", frame=frame)
