"""Some classes against the others: ROC, operating points, thresholds and decision curves."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from numpy import ndarray
from sklearn.metrics import roc_curve

from twinlens.evaluation.data_set_evaluation import answers
from twinlens.evaluation.probabilities.binary import Positive
from twinlens.records.evaluation import BinaryEvaluation, DataSetEvaluation, Estimate
from twinlens.reporting.evaluation.decision_curve import decision_curve
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.evaluation.metrics import estimate_cell, estimate_row
from twinlens.reporting.evaluation.operating_points import PublishedPoint, published_points
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import INK, MUTED, WIDE, Mark, colour
from twinlens.reporting.formatting import count, decimal, percent
from twinlens.reporting.tables.tables import Cell, Column, Table, make_table, number

Curve = tuple[Float[ndarray, " point"], Float[ndarray, " point"]]
_POINT_MARKERS = ("D", "s", "^")


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    shown = [(data, data.binary) for data in evaluation.record.data if data.binary]
    if not shown:
        return {"first": None}
    first = shown[0][1]
    points = published_points(evaluation.record, first)
    return {
        "first": first,
        "notes": [f"{data.name}: {binary.note}" for data, binary in shown if binary.note],
        "areas": _areas(shown),
        "panels": [
            _roc_panel(evaluation, shown, points),
            decision_curve([(data.name, of.net_benefit) for data, of in shown]),
        ],
        "published": [asdict(point) for point in points],
        "points": _points(shown),
    }


Shown = Sequence[tuple[DataSetEvaluation, BinaryEvaluation]]


def _areas(shown: Shown) -> Table:
    """Return the areas of each data set."""
    columns = [
        Column("Images", lambda of: of[0].name),
        Column("Positive", lambda of: count(of[1].positives), numeric=True),
        Column("Negative", lambda of: count(of[1].negatives), numeric=True),
        Column("AUC", lambda of: estimate_cell(of[1].auc), numeric=True),
        Column(
            "Average precision", lambda of: estimate_cell(of[1].average_precision), numeric=True
        ),
    ]
    frame = [
        {"data": data.name, "score": score, **estimate_row(estimate)}
        for data, of in shown
        for score, estimate in (("auc", of.auc), ("average_precision", of.average_precision))
    ]
    return make_table(shown, columns, name="binary", frame=frame)


def _points(shown: Shown) -> Table:
    """Return the operating points: on the curve itself, and by a threshold of validation images."""
    rows = [(data, point) for data, of in shown for point in of.points]
    several = [Column("Images", lambda row: row[0].name)] if len(shown) > 1 else []
    columns = [
        *several,
        Column("Target", lambda row: f"{row[1].fixed} {percent(row[1].target)}"),
        Column("The other", lambda row: _other(row[1].fixed, row[1].other), "on the curve", True),
        Column("Threshold", lambda row: decimal(row[1].threshold), "by validation", True),
        Column("Sensitivity", lambda row: estimate_cell(row[1].sensitivity), "at it", True),
        Column("Specificity", lambda row: estimate_cell(row[1].specificity), "at it", True),
    ]
    frame = [
        {"data": data.name, "fixed": point.fixed, "target": point.target, "score": score,
         "threshold": point.threshold if score != "other" else None, **estimate_row(estimate)}
        for data, point in rows
        for score in ("other", "sensitivity", "specificity")
        if (estimate := getattr(point, score)) is not None
    ]  # fmt: skip
    return make_table(rows, columns, name="operating_points", frame=frame)


def _other(fixed: str, other: Estimate) -> Cell:
    cell, name = estimate_cell(other), "spec." if fixed == "sensitivity" else "sens."
    return number(f"{name} {cell.text}", cell.detail)


def _roc_panel(
    evaluation: StoredEvaluation, shown: Shown, points: Sequence[PublishedPoint]
) -> Panel:
    curves = [_roc(evaluation, data, of) for data, of in shown]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for index, curve in enumerate(curves):
            axes.plot(*curve, color=colour(index + 1), clip_on=False)
        for marker, point in zip(_POINT_MARKERS, points, strict=False):
            at = (1 - point.specificity, point.sensitivity)
            axes.plot(*at, marker=marker, color=INK, linestyle="", markersize=6)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="1 − specificity", ylabel="sensitivity")
        axes.grid()

    legend = [
        (Mark(colour(i + 1), linestyle="-"), f"{data.name} {decimal(of.auc.value)}")
        for i, (data, of) in enumerate(shown)
    ]
    legend += [
        (Mark(INK, marker), f"{point.who} ({point.source.partition(',')[0]})")
        for marker, point in zip(_POINT_MARKERS, points, strict=False)
    ]
    parts = "; ".join(text for _, text in legend)
    label = f"ROC of {shown[0][1].title} against the rest, areas: {parts}."
    return Panel("ROC", Frame(WIDE, 360, left=42, top=6), paint, label, legend=legend)


def _roc(evaluation: StoredEvaluation, data: DataSetEvaluation, binary: BinaryEvaluation) -> Curve:
    classes = evaluation.record.classes
    positive = Positive(binary.title, tuple(classes.index(name) for name in binary.positive))
    temperature = data.calibration.temperature
    found = answers(evaluation.predictions_of(data), classes, positive, temperature)
    if not 0 < found.wanted.sum() < len(found.wanted):
        return np.zeros(0), np.zeros(0)
    false_positives, sensitivity, _ = roc_curve(found.wanted, found.scores)
    return false_positives, sensitivity
