"""Calibration before and after temperature scaling."""

from typing import Any

from matplotlib.axes import Axes

from twinlens.records.evaluation import CalibrationScores, DataSetEvaluation
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.evaluation.metrics import estimate_cell, estimate_row
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, NARROW, Mark, colour
from twinlens.reporting.formatting import decimal
from twinlens.reporting.tables.tables import Column, Table, make_table

_SCORES = {"ece": "ECE", "classwise_ece": "Classwise ECE", "brier": "Brier score",
           "log_loss": "Log loss"}  # fmt: skip
_AFTER = "after scaling"

Row = tuple[str, str, CalibrationScores]


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    data = evaluation.record.data
    return {
        "calibration": _table([row for of in data for row in _rows(of)], several=len(data) > 1),
        "panels": [_panel(of) for of in data],
        "temperature": data[0].calibration.temperature,
        "note": data[0].calibration.note,
    }


def _rows(data: DataSetEvaluation) -> list[Row]:
    found = [(data.name, "as predicted", data.calibration.before)]
    after = data.calibration.after
    return [*found, (data.name, _AFTER, after)] if after else found


def _table(rows: list[Row], *, several: bool) -> Table:
    names = [Column("Images", lambda row: row[0])] if several else []
    columns = [
        *names,
        Column("Probabilities", lambda row: row[1]),
        *(_column(title, score) for score, title in _SCORES.items()),
    ]
    frame = [
        {"data": name, "probabilities": which, "score": score}
        | estimate_row(getattr(scores, score))
        for name, which, scores in rows
        for score in _SCORES
    ]
    return make_table(rows, columns, name="calibration", frame=frame)


def _column(title: str, score: str) -> Column:
    return Column(title, lambda row: estimate_cell(getattr(row[2], score)), numeric=True)


def _panel(data: DataSetEvaluation) -> Panel:
    rows = _rows(data)

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for index, (_, _, scores) in enumerate(rows):
            x, y = ([getattr(b, name) for b in scores.bins] for name in ("confidence", "accuracy"))
            axes.plot(x, y, color=colour(index), marker="os"[index], markersize=4, linewidth=1.2)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
        axes.grid()

    legend = [
        (Mark(colour(index), "os"[index]), f"{which}: {decimal(scores.ece.value)}")
        for index, (_, which, scores) in enumerate(rows)
    ]
    words = ", ".join(f"ECE {text}" for _, text in legend)
    label = f"Reliability diagram of {data.name}: {words}."
    return Panel(data.name, Frame(NARROW, 285, left=42, top=6), paint, label, legend=legend)
