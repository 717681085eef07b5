"""Scores of each class, and confusion matrices."""

from typing import Any

import numpy as np

from twinlens.records.evaluation import ClassEstimates, DataSetEvaluation
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.evaluation.metrics import estimate_cell, estimate_row
from twinlens.reporting.figures.layout import Panel
from twinlens.reporting.figures.style import arm_mark
from twinlens.reporting.formatting import count
from twinlens.reporting.study.confusion import Confusion, confusion_panel
from twinlens.reporting.study.load_study import grouped
from twinlens.reporting.tables.tables import Column, Table, make_table

_SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "auc": "AUC",
           "average_precision": "Average precision"}  # fmt: skip


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    record = evaluation.record
    order = [*grouped(record.classes, record.class_info).values()]
    tables = [(data, _table(data, order)) for data in record.data]
    panels = [
        _panel(data, number, record.classes, order) for number, data in enumerate(record.data)
    ]
    return {"tables": tables, "panels": panels}


def _table(data: DataSetEvaluation, order: list[list[str]]) -> Table:
    names = [name for group in order for name in group]
    scores = data.by_image.per_class
    frame = [
        {"data": data.name, "class": name, "score": score}
        | estimate_row(getattr(scores[name], score))
        for name in names
        for score in _SCORES
    ]
    columns = [
        Column("Class", str),
        Column("Images", lambda name: count(scores[name].support), numeric=True),
        *(_column(title, score, scores) for score, title in _SCORES.items()),
    ]
    return make_table(names, columns, name=f"classes {data.name}", frame=frame)


def _column(title: str, score: str, scores: dict[str, ClassEstimates]) -> Column:
    return Column(title, lambda name: estimate_cell(getattr(scores[name], score)), numeric=True)


def _panel(
    data: DataSetEvaluation, number: int, classes: list[str], order: list[list[str]]
) -> Panel:
    names = [name for group in order for name in group]
    at = [classes.index(name) for name in names]
    counts = np.array(data.by_image.confusion)[np.ix_(at, at)].tolist()
    shares = [[n / sum(row) if sum(row) else None for n in row] for row in counts]
    breaks = np.cumsum([len(group) for group in order])[:-1].tolist()
    mark = arm_mark(number)
    return confusion_panel(Confusion(data.name, mark, names, counts, shares, breaks))
