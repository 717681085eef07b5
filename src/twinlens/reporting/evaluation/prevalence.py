"""The model where the classes are more or less frequent than in training."""

from typing import Any

from twinlens.records.reliability import AtPrevalence
from twinlens.reporting.evaluation.abstention import assessed
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.formatting import decimal, metric_title, probability
from twinlens.reporting.tables.tables import Cell, Column, Table, make_table, number

_SHOWN = ("accuracy", "balanced_accuracy", "macro_f1")

Row = tuple[str, AtPrevalence]


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows."""
    found = assessed(evaluation.record)
    rows = [(name, at) for name, of in found for at in of.prevalences]
    several = len(found) > 1
    return {
        "prevalences": _prevalences(rows, found[0][1].prior, several=several) if rows else None,
        "prevalence_metrics": _metrics(rows, several=several) if rows else None,
        "prior": found[0][1].prior if found else None,
        "absent": sorted({name for _, at in rows for name in at.absent}),
    }


def _title(row: Row, *, several: bool) -> str:
    return f"{row[0]}, {row[1].title}" if several else row[1].title


def _prevalences(rows: list[Row], prior: dict[str, float] | None, *, several: bool) -> Table:
    """Return the prevalence of each class, a row each."""
    classes = list(rows[0][1].prevalence)
    columns = [
        Column("Class", str),
        *([_validation(prior)] if prior else []),
        *(_column(_title(row, several=several), row[1]) for row in rows),
    ]
    frame = [
        {"class": name, "validation": prior[name] if prior else None}
        | {_title(row, several=several): row[1].prevalence[name] for row in rows}
        for name in classes
    ]
    return make_table(classes, columns, name="prevalences", frame=frame)


def _validation(prior: dict[str, float]) -> Column:
    return Column("As calibrated", lambda name: probability(prior[name]), numeric=True)


def _column(title: str, at: AtPrevalence) -> Column:
    def show(name: str) -> Cell:
        found = at.estimates.get(name)
        ends = () if not found else [end for end in (found.low, found.high) if end is not None]
        return number(probability(at.prevalence[name]), " to ".join(map(probability, ends)))

    return Column(title, show, numeric=True)


def _metrics(rows: list[Row], *, several: bool) -> Table:
    columns = [
        Column("Prevalence", lambda row: _title(row, several=several)),
        *(_metric(name) for name in _SHOWN if name in rows[0][1].unadapted),
    ]
    frame = [
        {"data": name, "prevalence": at.title, "metric": metric, "unadapted": value,
         "adapted": at.adapted.get(metric)}
        for name, at in rows
        for metric, value in at.unadapted.items()
    ]  # fmt: skip
    return make_table(rows, columns, name="metrics_at_prevalence", frame=frame)


def _metric(name: str) -> Column:
    def show(row: Row) -> Cell:
        adapted = row[1].adapted.get(name)
        detail = f"adapted {decimal(adapted)}" if adapted is not None else ""
        return number(decimal(row[1].unadapted[name]), detail)

    return Column(metric_title(name), show, numeric=True)
