"""The tables of arms and of their paired differences from the reference."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from twinlens.records.results import ArmSummary, Difference
from twinlens.reporting.formatting import (
    MISSING,
    decimal,
    interval,
    label_fraction_title,
    metric_title,
    p_value,
    probability,
    spread,
)
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Column, Table, arm_cell, make_table, number

ONE_SEED = "one seed: no interval"

At = tuple[float, str]
"""A label fraction and an arm: a row of these tables."""

_DIFFERENCE = ("arm", "reference", "label_fraction", "metric", "n", "difference", "low", "high",
               "covers", "level", "seeds_low", "seeds_high", "p", "p_holm", "false_claim",
               "effect_size", "sd_ratio", "sd_ratio_low", "sd_ratio_high", "seeds_needed_low",
               "seeds_needed")  # fmt: skip


def arms_table(study: StoredStudy) -> Table:
    """Return mean, standard deviation and interval of every arm at every label fraction."""
    rows = [
        (fraction, arm)
        for fraction in study.label_fractions
        for arm in study.arms
        # An arm of other label fractions is left out; what failed is listed elsewhere.
        if fraction == study.label_fractions[0] or study.summary(arm, fraction, study.primary)
    ]
    columns = [
        Column(
            "Arm", lambda at: arm_cell(study, [at[1]], "reference" * (at[1] == study.reference))
        ),
        Column("Seeds", lambda at: _summary_n(study, at), numeric=True),
        *_metric_columns(study, lambda at, metric: _summary(study.summary(at[1], at[0], metric))),
    ]
    return _by_fraction(study, rows, columns, name="arms", frame=_summaries(study, rows))


def differences_table(study: StoredStudy) -> Table | None:
    """Return every arm's paired difference from the reference, or None for a single arm."""
    rows = _compared(study)
    columns = [
        Column("Arm", lambda at: arm_cell(study, [at[1]])),
        Column("Pairs", lambda at: str(_primary(study, at).n), numeric=True),
        *_metric_columns(study, lambda at, metric: _difference(study, at, metric)),
    ]
    frame = _differences(study, rows)
    return _by_fraction(study, rows, columns, name="differences", frame=frame) if rows else None


def size_table(study: StoredStudy) -> Table | None:
    """Return how large and how consistent the differences in the primary metric are.

    Columns without a value are left out; None if there is none at all.
    """
    sizes = [
        Column("Effect size", lambda at: _effect_size(_primary(study, at)), numeric=True),
        Column("Ratio of sd", lambda at: _sd_ratio(_primary(study, at)), "arm / reference", True),
        Column(
            "Interval over seeds",
            lambda at: interval(_primary(study, at).seeds_interval, signed=True),
            "for this test set",
            True,
        ),
        Column(
            "Seeds needed",
            lambda at: _seeds_needed(_primary(study, at)),
            f"for {decimal(study.min_effect)}",
            True,
        ),
    ]
    rows = _compared(study)
    known = [column for column in sizes if any(column.cell(at).text for at in rows)]
    if not known:
        return None
    frame = _differences(study, rows)
    return _by_fraction(
        study,
        rows,
        [Column("Arm", lambda at: arm_cell(study, [at[1]])), *known],
        name="effect_sizes",
        frame=frame[frame["metric"] == study.primary],
    )


def _compared(study: StoredStudy) -> list[At]:
    return [
        (fraction, arm)
        for fraction in study.label_fractions
        for arm in study.arms
        if arm != study.reference and study.difference(arm, fraction, study.primary)
    ]


def _primary(study: StoredStudy, at: At) -> Difference:
    difference = study.difference(at[1], at[0], study.primary)
    assert difference, "rows are those of `_compared`"
    return difference


def _metric_columns(study: StoredStudy, show: Callable[[At, str], Cell]) -> list[Column]:
    def column(metric: str) -> Column:
        detail = "primary" if metric == study.primary else ""
        return Column(metric_title(metric), lambda at: show(at, metric), detail, numeric=True)

    return [*map(column, study.metrics)]


def _by_fraction(
    study: StoredStudy, rows: Sequence[At], columns: list[Column], *, name: str, frame: pd.DataFrame
) -> Table:
    """Return a table whose rows are grouped by label fraction, of which the largest leads."""
    if len(study.label_fractions) == 1:
        return make_table(rows, columns, name=name, frame=frame)
    first = dict(reversed(rows))
    labels = Column("Labels", lambda at: label_fraction_title(at[0]) * (first[at[0]] == at[1]))
    table = make_table(rows, [labels, *columns], name=name, frame=frame)
    return replace(table, lead=sum(fraction == rows[0][0] for fraction, _ in rows))


def _summary_n(study: StoredStudy, at: At) -> str:
    summary = study.summary(at[1], at[0], study.primary)
    return str(summary.n if summary else 0)


def _summary(summary: ArmSummary | None) -> Cell:
    if not summary:
        return number(MISSING, "no finished run")
    if summary.n < 2:
        return number(decimal(summary.mean), ONE_SEED)
    return number(f"{decimal(summary.mean)} {spread(summary)}", interval(summary.interval))


def _difference(study: StoredStudy, at: At, metric: str) -> Cell:
    """Only the primary metric at the study's largest label fraction is a test; the rest describes.

    With a single comparison, Holm's p value is the uncorrected one.
    """
    difference = study.difference(at[1], at[0], metric)
    if not difference:
        return number(MISSING)
    parts = [interval(difference.interval, signed=True)]
    if metric == study.primary and at[0] == study.tested_label_fraction:
        corrected = p_value(difference.p_holm) if len(study.arms) > 2 else ""
        parts += [p_value(difference.p), f"Holm {corrected}" if corrected else ""]
    if difference.n < 2:
        parts = [f"{parts[0]}\nthese two models" if parts[0] else ONE_SEED]
    if metric == study.primary and difference.false_claim is not None:
        parts.append(f"false claim {probability(difference.false_claim)}")
    return number(decimal(difference.mean, signed=True), "\n".join(filter(None, parts)))


def _effect_size(difference: Difference) -> str:
    size = difference.effect_size
    return "" if size is None else decimal(size, digits=2, signed=True)


def _seeds_needed(difference: Difference) -> str:
    least, planned = difference.seeds_needed_low, difference.seeds_needed
    return "" if least is None else f"{least}–{planned}" if least != planned else f"{least}"


def _sd_ratio(difference: Difference) -> Cell:
    ratio = "" if difference.sd_ratio is None else decimal(difference.sd_ratio, digits=2)
    return number(ratio, interval(difference.sd_ratio_interval, digits=2))


def _summaries(study: StoredStudy, rows: Sequence[At]) -> pd.DataFrame:
    """Return one line per row of the table that has runs, each metric with sd and interval."""
    table = study.results.frame("summaries").astype(object)
    if table.empty:
        return table
    table = table.set_index(["label_fraction", "arm", "metric"])[["n", "mean", "sd", "low", "high"]]
    wide = table.unstack("metric")
    wide = wide.loc[[at for at in rows if at in wide.index]]
    columns = {"seeds": wide["n", study.primary]}
    for metric in study.stored_metrics:
        for suffix, part in (("", "mean"), ("_sd", "sd"), ("_low", "low"), ("_high", "high")):
            columns[f"{metric}{suffix}"] = wide[part, metric]
    frame = pd.DataFrame(columns).reset_index()
    return frame[["arm", "label_fraction", *columns]]


def _differences(study: StoredStudy, rows: Sequence[At]) -> pd.DataFrame:
    """Return one line per row of the table and metric."""
    differences = (
        study.difference(arm, fraction, metric)
        for fraction, arm in rows
        for metric in study.stored_metrics
    )
    frame = pd.DataFrame([d.model_dump() for d in differences if d], dtype=object)
    if frame.empty:
        return frame
    frame = frame.rename(columns={"mean": "difference"}).assign(reference=study.reference)
    return frame[[*_DIFFERENCE]]
