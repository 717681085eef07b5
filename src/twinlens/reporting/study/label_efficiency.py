"""Label efficiency: the score against the number of labelled training images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from twinlens.records.label_efficiency import EquivalentLabels
from twinlens.records.results import ArmSummary
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
from twinlens.reporting.figures.values import show_value
from twinlens.reporting.formatting import (
    count,
    decimal,
    interval,
    label_fraction_title,
    metric_title,
)
from twinlens.reporting.study.load_study import StoredStudy

TOGETHER = 3
"""Arms whose curves one panel can hold; where there are more, each has a panel of its own."""


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
        if arm != study.reference and _scores(study, arm)
    ]


def headline_curves(study: StoredStudy, arms: Sequence[str], best: str) -> Panel | None:
    """Draw some arms, and one's equivalent labels, if there are two label fractions or more."""
    if len(_labels(study)) < 2 or not _limits(study):
        return None
    return _panel(study, arms, best, "")


def label_legend(study: StoredStudy) -> Legend:
    """Return marks and names of the arms, or of the reference alone where each has a panel."""
    arms = study.arms if len(study.arms) <= TOGETHER else [study.reference]
    return [(arm_mark(study.arms.index(arm)), study.arm_title(arm)) for arm in arms]


def _labels(study: StoredStudy) -> dict[float, int]:
    """Return the number of labelled training images by label fraction, as far as it is stored."""
    efficiency = study.results.label_efficiency
    return efficiency.labels if efficiency else {}


def _scores(study: StoredStudy, arm: str) -> dict[int, ArmSummary]:
    """Return an arm's scores by number of labelled images, the smallest first."""
    return {
        labels: score
        for fraction, labels in sorted(_labels(study).items())
        if (score := study.summary(arm, fraction, study.primary))
    }


def _limits(study: StoredStudy) -> tuple[float, float] | None:
    """Return an axis for all seeds of all arms; intervals of few seeds may extend beyond it."""
    values = [
        v for arm in study.arms for score in _scores(study, arm).values() for v in score.values
    ]
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
            _curve(axes, study, arm)
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


def _curve(axes: Axes, study: StoredStudy, arm: str) -> None:
    scores, index, title = _scores(study, arm), study.arms.index(arm), study.arm_title(arm)
    line: dict[str, Any] = {"color": colour(index)}
    bands = {labels: score.interval for labels, score in scores.items() if score.interval}
    if bands:
        axes.fill_between([*bands], *np.transpose([*bands.values()]), alpha=0.12, lw=0, **line)
    axes.plot([*scores], [score.mean for score in scores.values()], **line)
    for labels, score in scores.items():
        at = f"{title}, {count(labels)} labels"
        for seed, value in zip(score.seeds, score.values, strict=True):
            dot = axes.plot(labels, value, "o", markersize=4, alpha=0.45, markeredgewidth=0, **line)
            show_value(dot, f"{at}, seed {seed}: {decimal(value)}")
        mean = axes.plot(labels, score.mean, marker(index), markersize=8, markeredgecolor=PAPER,
                         markeredgewidth=0.8, clip_on=False, **line)  # fmt: skip
        show_value(mean, f"{at}: {decimal(score.mean)} {interval(score.interval)}".strip())


def _equivalent(study: StoredStudy, arm: str) -> tuple[EquivalentLabels, ArmSummary] | None:
    """Return an arm's equivalent labels at the largest label fraction where they have two ends."""
    efficiency = study.results.label_efficiency
    rows = [row for row in efficiency.equivalent_labels if row.arm == arm] if efficiency else []
    for row in sorted(rows, key=lambda row: row.label_fraction, reverse=True):
        score = study.summary(arm, row.label_fraction, study.primary)
        if row.mean_low is not None and row.mean_high is not None and score:
            return row, score
    return None


def _mark_equivalent(axes: Axes, row: EquivalentLabels, score: ArmSummary) -> None:
    """Draw the labels between which the reference scores as the arm, at the height of its score.

    A thin line spans them at 95 % confidence; where that is open, it goes to the edge.
    """
    ends = [row.mean_low or 0, row.mean_high or 0]
    (left, right), bottom = axes.get_xlim(), axes.get_ylim()[0]
    if row.n > 1:
        axes.hlines(score.mean, row.low or left, row.high or right, color=MUTED, linewidth=0.7)
    axes.hlines(score.mean, ends[0], ends[1], color=INK, linewidth=2.4, zorder=4)
    axes.vlines(ends, bottom, score.mean, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    is_left = ends[0] * ends[1] < left * right
    axes.annotate(
        f"{'–'.join(count(end) for end in dict.fromkeys(ends))} labels",
        (ends[0] if is_left else ends[1], bottom),
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
        scores = [
            f"{decimal(score.mean)} with {count(n)}" for n, score in _scores(study, arm).items()
        ]
        parts.append(f"{study.arm_title(arm)} {', '.join(scores) or 'no finished run'}")
    return f"{metric_title(study.primary)} by labelled training images. {'; '.join(parts)}."
