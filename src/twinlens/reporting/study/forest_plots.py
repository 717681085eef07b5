"""Figure of the paired differences from the reference."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from twinlens.records.results import Difference
from twinlens.reporting.figures.lanes import LABEL_PX, lane_label, mean_mark, set_up_lanes
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import BOTTOM, MUTED, NARROW, RULE, colour
from twinlens.reporting.figures.values import show_value
from twinlens.reporting.formatting import (
    decimal,
    interval,
    label_fraction_title,
    metric_title,
    p_value,
)
from twinlens.reporting.study.load_study import StoredStudy

Row = tuple[str, float]
"""An arm and a label fraction."""

_ROWS = 12  # more of them, of several label fractions, become a figure a label fraction


def difference_figures(study: StoredStudy) -> list[tuple[float, list[Panel]]]:
    """Draw every arm's paired differences from the reference, a panel a metric.

    Panels share one axis. Where an interval is far wider than its seeds, as with two of them, it
    is cut at the frame and ends in an arrow.

    Returns:
        The largest label fraction and panels of all; or, where those would be long, every label
        fraction and its panels.
    """
    fractions, arms = study.label_fractions, [a for a in study.arms if a != study.reference]
    by_fraction = [
        [(arm, fraction) for arm in arms if study.difference(arm, fraction, study.primary)]
        for fraction in fractions
    ]
    rows = [row for group in by_fraction for row in group]
    limits = _limits(study, rows)
    return [
        (group[0][1], [_forest(study, group, metric, limits) for metric in study.metrics])
        for group in ([rows] if len(rows) <= _ROWS else by_fraction)
        if group
    ]


def main_differences_panel(study: StoredStudy) -> Panel | None:
    """Draw every arm's difference in the primary metric at the largest label fraction."""
    fraction = study.label_fractions[0] if study.label_fractions else 1.0
    rows = [(arm, fraction) for arm in study.arms if study.difference(arm, fraction, study.primary)]
    return _forest(study, rows, study.primary, _limits(study, rows)) if rows else None


def _limits(study: StoredStudy, rows: Sequence[Row]) -> tuple[float, float]:
    """Return an axis that holds zero, all seeds, and intervals up to thrice as wide.

    It holds the smallest effect of interest too.
    """
    differences = [study.difference(*row, metric) for row in rows for metric in study.metrics]
    entries = [*filter(None, differences)]
    values = [v for entry in entries for v in entry.values]
    values += [study.min_effect] if study.min_effect else []
    ends = [v for entry in entries for v in entry.interval or ()]
    widest = max(map(abs, values), default=0.0) or 0.01
    low, high = np.clip(
        [min([0, *values, *ends]), max([0, *values, *ends])], -3 * widest, 3 * widest
    )
    return 1.1 * min(low, -0.2 * high), 1.1 * max(high, -0.2 * low)


def _forest(
    study: StoredStudy, rows: Sequence[Row], metric: str, limits: tuple[float, float]
) -> Panel:
    lane, several = LABEL_PX + 24, len({fraction for _, fraction in rows}) > 1

    def paint(axes: Axes) -> None:
        set_up_lanes(axes, height=lane * len(rows))
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_xlim(limits)
        if study.min_effect and metric == study.primary:
            axes.axvspan(-study.min_effect, study.min_effect, color=RULE, alpha=0.5, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("difference from the reference")
        for position, (arm, label_fraction) in enumerate(rows):
            suffix = f", {label_fraction_title(label_fraction)}" if several else ""
            entry = study.difference(arm, label_fraction, metric)
            corrected = p_value(entry.p_holm if entry else None)
            lane_label(axes, lane * position, study.arm_title(arm) + suffix, remark=corrected)
            if entry:
                y = lane * position + LABEL_PX + 9
                _interval_and_seeds(axes, entry, y, study.arms.index(arm), study.arm_title(arm))

    frame = Frame(NARROW, lane * len(rows) + BOTTOM + 2, left=8, top=2)
    return Panel(metric_title(metric), frame, paint, _difference_words(study, rows, metric))


def _interval_and_seeds(axes: Axes, entry: Difference, y: float, index: int, title: str) -> None:
    values, bounds, inner = entry.values, entry.interval, entry.seeds_interval
    if inner and inner != bounds:
        low, high = np.clip(inner, *axes.get_xlim())
        axes.plot([low, high], [y, y], color=colour(index), linewidth=5, alpha=0.35,
                  solid_capstyle="butt")  # fmt: skip
    if bounds:
        low, high = np.clip(bounds, *axes.get_xlim())
        axes.plot([low, high], [y, y], color=colour(index), linewidth=2.2, solid_capstyle="butt")
        for end, bound, head in ((low, bounds[0], "<"), (high, bounds[1], ">")):
            if end != bound:
                axes.plot(end, y, head, color=colour(index), markersize=7, clip_on=False)
    for seed, value in zip(entry.seeds, values, strict=True):
        tick = axes.plot(value, y + 9, "|", color=colour(index), markersize=8,
                         markeredgewidth=1.6, alpha=0.75)  # fmt: skip
        show_value(tick, f"{title}, seed {seed}: {decimal(value, signed=True)}")
    mean = f"{title}: {decimal(entry.mean, signed=True)} {interval(bounds, signed=True)}"
    show_value(mean_mark(axes, entry.mean, y, index, size=8.5), mean.strip())


def _difference_words(study: StoredStudy, rows: Sequence[Row], metric: str) -> str:
    parts = []
    for arm, label_fraction in rows:
        title = f"{study.arm_title(arm)} at {label_fraction_title(label_fraction)}"
        entry = study.difference(arm, label_fraction, metric)
        bounds = interval(entry.interval if entry else None, signed=True) or "no interval"
        mean = decimal(entry.mean if entry else None, signed=True)
        corrected = f" ({p_value(entry.p_holm)})" if entry and entry.p_holm is not None else ""
        parts.append(f"{title}: {mean} {bounds}{corrected}")
    reference = study.arm_title(study.reference)
    return f"{metric_title(metric)}, difference from {reference}. " + "; ".join(parts)
