"""When the model should not answer: prediction sets, confidence and checks of the images."""

from typing import Any

from matplotlib.axes import Axes

from twinlens.records.evaluation import EvaluationRecord
from twinlens.records.reliability import ConformalSets, Flagged, Reliability, Selective
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.evaluation.metrics import estimate_cell, estimate_row
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import NARROW, Mark, colour
from twinlens.reporting.formatting import MISSING, count, decimal, percent
from twinlens.reporting.tables.tables import Column, Table, make_table, number

_SETS = {"coverage": "Coverage", "size": "Mean size", "single": "Of one class", "empty": "Empty"}
_FLAGGED = {"share": "Share of images flagged", "error_flagged": "Their error rate",
            "error_others": "Error rate of others"}  # fmt: skip


def assessed(record: EvaluationRecord) -> list[tuple[str, Reliability]]:
    """Return what was assessed by name of the data set; nothing where nothing was."""
    return [(data.name, data.reliability) for data in record.data if data.reliability]


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    found = assessed(evaluation.record)
    names = [Column("Images", lambda row: row[0])] if len(found) > 1 else []
    sets = [(name, each) for name, of in found for each in of.sets]
    flagged = [(name, each) for name, of in found for each in of.flagged]
    return {
        "sets": _sets_table(sets, names) if sets else None,
        "class_coverage": _class_table(sets[:2], evaluation.record) if sets else None,
        "wanted": percent(sets[0][1].wanted) if sets else "",
        "needed": sets[0][1].needed if sets else 0,
        "always_included": sets[1][1].always_included if sets else [],
        "errors": _errors_table([(name, of.selective) for name, of in found]) if found else None,
        "curves": [_panel([(name, of.selective) for name, of in found])] if found else [],
        "flagged": _flagged_table(flagged, names) if flagged else None,
        "notes": list(dict.fromkeys(note for _, of in found for note in of.notes)),
        "external": [data.name for data in evaluation.record.data if not data.internal],
    }


def _kind(sets: ConformalSets) -> str:
    return "within each class" if sets.by_class else "over all images"


def _sets_table(rows: list[tuple[str, ConformalSets]], names: list[Column]) -> Table:
    columns = [
        *names,
        Column("Coverage wanted", lambda row: _kind(row[1])),
        *(_estimate_column(title, key) for key, title in _SETS.items()),
    ]
    frame = [
        {"data": name, "by_class": sets.by_class, "wanted": sets.wanted, "number": key}
        | estimate_row(getattr(sets, key))
        for name, sets in rows
        for key in _SETS
    ]
    return make_table(rows, columns, name="conformal_sets", frame=frame)


def _estimate_column(title: str, key: str) -> Column:
    return Column(title, lambda row: estimate_cell(getattr(row[1], key)), numeric=True)


def _class_table(rows: list[tuple[str, ConformalSets]], record: EvaluationRecord) -> Table:
    """Return the coverage of each class of the first data set, by kind of set."""
    kinds = [sets for _, sets in rows]

    def column(sets: ConformalSets) -> Column:
        return Column(
            "Coverage",
            lambda name: estimate_cell(sets.of_class[name]),
            f"sets {_kind(sets)}",
            numeric=True,
        )

    calibration, of_class = kinds[0].calibration, kinds[-1].always_included
    columns = [
        Column("Class", str),
        Column(
            "Calibration",
            lambda name: number(count(calibration[name]), "too few" if name in of_class else ""),
            "images, one per group",
            numeric=True,
        ),
        *map(column, kinds),
    ]
    frame = [
        {"class": name, "by_class": sets.by_class, "calibration": calibration[name]}
        | estimate_row(sets.of_class[name])
        for name in record.classes
        for sets in kinds
    ]
    return make_table(record.classes, columns, name="coverage_by_class", frame=frame)


def _errors_table(rows: list[tuple[str, Selective]]) -> Table:
    """Return the error rate by fraction of images answered, and the areas, as rows."""
    first = rows[0][1]
    lines = [f"{percent(at.coverage)} answered" for at in first.errors]
    lines += ["Area under the curve", "Excess over the ideal"]
    values = {name: [*(at.error for at in s.errors), s.aurc, s.excess] for name, s in rows}

    def column(name: str) -> Column:
        return Column(name, lambda line: estimate_cell(values[name][lines.index(line)]),
                      numeric=True)  # fmt: skip

    frame = [
        {"data": name, "number": line} | estimate_row(estimate)
        for name, estimates in values.items()
        for line, estimate in zip(lines, estimates, strict=True)
    ]
    columns = [Column("Error rate", str), *map(column, values)]
    return make_table(lines, columns, name="selective", frame=frame)


def _panel(rows: list[tuple[str, Selective]]) -> Panel:
    def paint(axes: Axes) -> None:
        for index, (_, selective) in enumerate(rows):
            x, y = zip(*selective.curve, strict=True)
            axes.plot(x, y, color=colour(index + 1), linewidth=1.4)
        axes.set(xlim=(0, 1), xlabel="fraction of images answered", ylabel="error rate")
        axes.set_ylim(bottom=0)
        axes.grid()

    legend = [
        (Mark(colour(index + 1), linestyle="-"), f"{name}: area {decimal(s.aurc.value)}")
        for index, (name, s) in enumerate(rows)
    ]
    words = ", ".join(text for _, text in legend)
    label = f"Risk-coverage curve, {words}."
    return Panel("Risk and coverage", Frame(NARROW, 285, left=48, top=6), paint, label,
                 legend=legend)  # fmt: skip


def _flagged_table(rows: list[tuple[str, Flagged]], names: list[Column]) -> Table:
    def reasons(row: tuple[str, Flagged]) -> str:
        found = [f"{reason} {count(n)}" for reason, n in row[1].images.items() if n]
        return ", ".join(found) or MISSING

    columns = [
        *names,
        Column("Check", lambda row: row[1].check),
        *(_estimate_column(title, key) for key, title in _FLAGGED.items()),
        Column("Images by reason", reasons),
    ]
    frame = [
        {"data": name, "check": flags.check, "threshold": flags.threshold, "number": key}
        | estimate_row(getattr(flags, key))
        for name, flags in rows
        for key in _FLAGGED
    ]
    return make_table(rows, columns, name="flagged", frame=frame)
