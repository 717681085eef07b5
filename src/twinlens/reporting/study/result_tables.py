"""The tables of arms and of their paired differences from the reference."""

from twinlens.records.results import ArmSummary, Difference
from twinlens.reporting.formatting import (
    MISSING,
    decimal,
    interval,
    label_fraction_title,
    metric_title,
    p_value,
    spread,
)
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Record, Table, arm_cell, number, without_repeats

ONE_SEED = "one seed: no interval"


def arms_table(study: StoredStudy) -> Table:
    """Return mean, spread and interval of every arm at every label fraction."""
    head = [Cell("Arm"), number("Seeds"), *_metric_heads(study)]
    rows = []
    for label_fraction in study.label_fractions:
        for arm in study.arms:
            found = study.summary(arm, label_fraction, study.primary)
            if not found and label_fraction != study.label_fractions[0]:
                continue  # an arm of other label fractions; what failed is in the record
            detail = "reference" if arm == study.reference else ""
            row = [arm_cell(study, [arm], detail), number(str(found.n if found else 0))]
            row += [
                _summary_cell(study.summary(arm, label_fraction, name)) for name in study.metrics
            ]
            rows.append(_with_label_fraction(study, label_fraction, row))
    return _grouped(study, head, rows, "arms", _arm_records(study))


def differences_table(study: StoredStudy) -> Table | None:
    """Return every arm's paired difference from the reference, or None for a single arm."""
    head = [Cell("Arm"), number("Pairs"), *_metric_heads(study)]
    rows = []
    for label_fraction, arm in _compared(study):
        found = study.difference(arm, label_fraction, study.primary)
        row = [arm_cell(study, [arm]), number(str(found.n) if found else MISSING)]
        row += [
            _difference_cell(
                study.difference(arm, label_fraction, metric),
                is_test=metric == study.primary and label_fraction == study.tested_label_fraction,
                several=len(study.arms) > 2,
            )
            for metric in study.metrics
        ]
        rows.append(_with_label_fraction(study, label_fraction, row))
    if not rows:
        return None
    return _grouped(study, head, rows, "differences", _difference_records(study))


def size_table(study: StoredStudy) -> Table | None:
    """Return how large and how steady the differences in the primary metric are.

    None where nothing is known.
    """
    columns = {
        "effect_size": number("Effect size"),
        "sd_ratio": number("Ratio of sd", "arm / reference"),
        "resampled": number("Interval", "seeds and test groups resampled"),
        "seeds_needed": number("Seeds needed", f"for {decimal(study.min_effect)}"),
    }
    lines = [
        (label_fraction, arm, found)
        for label_fraction, arm in _compared(study)
        if (found := study.difference(arm, label_fraction, study.primary))
    ]
    shown = [key for key in columns if any(_size_cell(key, found).text for *_, found in lines)]
    if not shown:
        return None
    rows = [
        _with_label_fraction(
            study,
            label_fraction,
            [arm_cell(study, [arm]), *(_size_cell(key, found) for key in shown)],
        )
        for label_fraction, arm, found in lines
    ]
    records = [r for r in _difference_records(study) if r["metric"] == study.primary]
    head = [Cell("Arm"), *(columns[key] for key in shown)]
    return _grouped(study, head, rows, "effect_sizes", records)


def _compared(study: StoredStudy) -> list[tuple[float, str]]:
    return [
        (label_fraction, arm)
        for label_fraction in study.label_fractions
        for arm in study.arms
        if arm != study.reference and study.difference(arm, label_fraction, study.primary)
    ]


def _metric_heads(study: StoredStudy) -> list[Cell]:
    return [
        number(metric_title(name), "primary" if name == study.primary else "")
        for name in study.metrics
    ]


def _grouped(
    study: StoredStudy, head: list[Cell], rows: list[list[Cell]], name: str, records: list[Record]
) -> Table:
    """Return a table in groups of a label fraction, of which the first leads."""
    if len(study.label_fractions) > 1:
        head = [Cell("Labels"), *head]
    lead = sum(row[0] == rows[0][0] for row in rows) if len(study.label_fractions) > 1 else 0
    return Table(head, without_repeats(rows), name, records, lead)


def _with_label_fraction(study: StoredStudy, label_fraction: float, row: list[Cell]) -> list[Cell]:
    return (
        [Cell(label_fraction_title(label_fraction)), *row]
        if len(study.label_fractions) > 1
        else row
    )


def _summary_cell(found: ArmSummary | None) -> Cell:
    if not found:
        return number(MISSING, "no finished run")
    if found.n < 2:
        return number(decimal(found.mean), ONE_SEED)
    return number(f"{decimal(found.mean)} {spread(found)}", interval(found.interval))


def _difference_cell(found: Difference | None, *, is_test: bool, several: bool) -> Cell:
    """Only the primary metric at the study's largest label fraction is a test; the rest describes.

    Of a single comparison, Holm's p value is the other one.
    """
    if not found:
        return number(MISSING)
    parts = [interval(found.interval, signed=True)]
    if is_test:
        corrected = p_value(found.p_holm) if several else ""
        parts += [p_value(found.p), f"Holm {corrected}" if corrected else ""]
    if found.n < 2:
        resampled = interval(found.bootstrap, signed=True)
        parts = [f"{resampled}\nimages resampled" if resampled else ONE_SEED]
    return number(decimal(found.mean, signed=True), "\n".join(filter(None, parts)))


def _size_cell(key: str, found: Difference) -> Cell:
    """Return a cell without text where the results say nothing."""
    if key == "seeds_needed":
        return number("" if found.seeds_needed is None else str(found.seeds_needed))
    if key == "resampled":
        return number(interval(found.resampled, signed=True))
    if key == "effect_size":
        size = found.effect_size
        return number("" if size is None else decimal(size, digits=2, signed=True))
    ratio = "" if found.sd_ratio is None else decimal(found.sd_ratio, digits=2)
    return number(ratio, interval(found.sd_ratio_interval, digits=2))


def _arm_records(study: StoredStudy) -> list[Record]:
    records: list[Record] = []
    for label_fraction in study.label_fractions:
        for arm in study.arms:
            rows = [study.summary(arm, label_fraction, metric) for metric in study.stored_metrics]
            record: Record = {"arm": arm, "label_fraction": label_fraction}
            for row in filter(None, rows):
                ends = {f"{row.metric}_low": row.low, f"{row.metric}_high": row.high}
                record |= {"seeds": row.n, row.metric: row.mean, f"{row.metric}_sd": row.sd} | ends
            if "seeds" in record:
                records.append(record)
    return records


def _difference_records(study: StoredStudy) -> list[Record]:
    rows = (
        study.difference(arm, label_fraction, metric)
        for label_fraction, arm in _compared(study)
        for metric in study.stored_metrics
    )
    return [
        {
            "arm": row.arm,
            "reference": study.reference,
            "label_fraction": row.label_fraction,
            "metric": row.metric,
            "n": row.n,
            "difference": row.mean,
            "low": row.low,
            "high": row.high,
            "p": row.p,
            "p_holm": row.p_holm,
            "effect_size": row.effect_size,
            "sd_ratio": row.sd_ratio,
            "sd_ratio_low": row.sd_ratio_low,
            "sd_ratio_high": row.sd_ratio_high,
            "seeds_needed": row.seeds_needed,
        }
        for row in rows
        if row
    ]
