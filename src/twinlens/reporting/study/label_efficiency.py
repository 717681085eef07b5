"""Label efficiency: the score against the number of labelled training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from twinlens.records.results import ArmSummary, EquivalentLabels
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import (
    INK,
    MUTED,
    NARROW,
    PAPER,
    WIDE,
    Legend,
    arm_mark,
    colour,
    marker,
)
from twinlens.reporting.formatting import (
    count,
    decimal,
    label_fraction_title,
    metric_title,
)
from twinlens.reporting.study.load_study import StoredStudy

TOGETHER = 3
"""Arms whose curves one panel can hold; where there are more, each has a panel of its own."""


@dataclass(frozen=True)
class _Point:
    labels: int
    mean: float
    interval: tuple[float, float] | None
    values: list[float]


def label_panels(study: StoredStudy) -> list[Panel]:
    """Draw score against labels, if there are two label fractions or more.

    Up to `TOGETHER` arms share a panel, and the best arm's equivalent labels are marked; otherwise
    each has a panel with the reference.
    """
    if len(_labels(study)) < 2:
        return []
    if len(study.arms) <= TOGETHER:
        best = study.best_other
        return [_panel(study, study.arms, best, "")] if _limits(study) else []
    return [
        _panel(study, [study.reference, arm], arm, study.arm_title(arm))
        for arm in study.arms
        if arm != study.reference and _points(study, arm)
    ]


def label_legend(study: StoredStudy) -> Legend:
    """Return marks and names of the arms, or of the reference alone where each has a panel."""
    shown = study.arms if len(study.arms) <= TOGETHER else [study.reference]
    return [(arm_mark(study.arms.index(arm)), study.arm_title(arm)) for arm in shown]


def _labels(study: StoredStudy) -> dict[float, int]:
    """Return the number of labelled training images by label fraction, as far as it is stored."""
    efficiency = study.results.label_efficiency
    return efficiency.labels if efficiency else {}


def _points(study: StoredStudy, arm: str) -> list[_Point]:
    """Return an arm's scores by label fraction, the smallest first."""
    found = []
    for label_fraction, labels in sorted(_labels(study).items()):
        score = study.summary(arm, label_fraction, study.primary)
        if score:
            found.append(_Point(labels, score.mean, score.interval, score.values))
    return found


def _limits(study: StoredStudy) -> tuple[float, float] | None:
    """Return an axis for all seeds of all arms; intervals of few seeds may go on beyond it."""
    values = [v for arm in study.arms for p in _points(study, arm) for v in p.values]
    if not values:
        return None
    margin = max(0.35 * (max(values) - min(values)), 0.01)
    return max(0.0, min(values) - margin), min(1.0, max(values) + margin)


def _panel(study: StoredStudy, arms: Sequence[str], best: str | None, title: str) -> Panel:
    marked = _equivalent(study, best) if best else None

    def paint(axes: Axes) -> None:
        axes.set_ylim(_limits(study))
        axes.set_xscale("log")
        for arm in arms:
            _curve(axes, _points(study, arm), study.arms.index(arm))
        ticks = {labels: label_fraction for label_fraction, labels in _labels(study).items()}
        axes.set_xlim(min(ticks) / 1.15, max(ticks) * 1.15)
        if marked:
            _mark_equivalent(axes, *marked)
        axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
        names = [f"{count(labels)}\n{label_fraction_title(ticks[labels])}" for labels in ticks]
        axes.xaxis.set_major_formatter(FixedFormatter(names))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("labelled training images")
        axes.set_ylabel(metric_title(study.primary).lower())
        axes.grid(axis="y")

    width = NARROW if title else WIDE
    frame = Frame(width, 0.72 * width, bottom=50)
    mark = arm_mark(study.arms.index(arms[-1])) if title else None
    return Panel(title, frame, paint, _in_words(study, arms), mark=mark)


def _curve(axes: Axes, points: list[_Point], index: int) -> None:
    at = [point.labels for point in points]
    own = colour(index)
    known = [point for point in points if point.interval]
    if known:
        low, high = np.transpose([point.interval for point in known])
        axes.fill_between([point.labels for point in known], low, high, color=own, alpha=0.12,
                          linewidth=0)  # fmt: skip
    for point in points:
        axes.plot(np.full(len(point.values), point.labels), point.values, "o", color=own,
                  markersize=4, alpha=0.45, markeredgewidth=0)  # fmt: skip
    axes.plot(at, [point.mean for point in points], color=own, marker=marker(index), markersize=8,
              markeredgecolor=PAPER, markeredgewidth=0.8, clip_on=False)  # fmt: skip


def _equivalent(study: StoredStudy, arm: str) -> tuple[EquivalentLabels, ArmSummary] | None:
    """Return an arm's equivalent labels at the largest label fraction where they are known."""
    efficiency = study.results.label_efficiency
    rows = [row for row in efficiency.equivalent_labels if row.arm == arm] if efficiency else []
    for row in sorted(rows, key=lambda row: row.label_fraction, reverse=True):
        score = study.summary(arm, row.label_fraction, study.primary)
        if row.equivalent is not None and score:
            return row, score
    return None


def _mark_equivalent(axes: Axes, row: EquivalentLabels, score: ArmSummary) -> None:
    """Draw an arrow along the labels from the arm to where the reference scores the same.

    A thin line spans the confidence set; where that is open, it goes to the edge.
    """
    own, needed, level = row.labels, row.equivalent or 0.0, score.mean
    (left, right), bottom = axes.get_xlim(), axes.get_ylim()[0]
    if score.n > 1:
        axes.hlines(level, row.low or left, row.high or right, color=MUTED,
                    linewidth=0.7)  # fmt: skip
    axes.annotate("", (needed, level), (own, level), zorder=4,
                  arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.4,
                              "shrinkA": 6, "shrinkB": 0})  # fmt: skip
    axes.vlines(needed, bottom, level, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    is_left = needed**2 < left * right
    axes.annotate(
        f"{count(round(needed))} labels",
        (needed, bottom),
        xytext=(4 if is_left else -4, 5),
        textcoords="offset points",
        ha="left" if is_left else "right",
        fontsize=9.5,
        color=INK,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
    )


def _in_words(study: StoredStudy, arms: Sequence[str]) -> str:
    parts = []
    for arm in arms:
        scores = [f"{decimal(p.mean)} with {count(p.labels)}" for p in _points(study, arm)]
        parts.append(f"{study.arm_title(arm)} {', '.join(scores) or 'no finished run'}")
    return f"{metric_title(study.primary)} by labelled training images. {'; '.join(parts)}."
