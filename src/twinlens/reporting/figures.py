"""Figures of the results: paired differences and F1 by class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex
from matplotlib.ticker import MaxNLocator

from twinlens.reporting.stored import StoredStudy
from twinlens.reporting.svg import (
    BOTTOM,
    INK,
    LETTER,
    MUTED,
    NARROW,
    PAPER,
    RIGHT,
    RULE,
    WIDE,
    Drawing,
    Panel,
    colour,
    draw,
    marker,
)
from twinlens.reporting.wording import budget_title, decimal, interval, is_number, metric_title

LABEL_PX = 17
"""Height of a lane's label, which stands above its marks, so that they have the whole width."""

_TAIL = 24  # letters at the end of a label that are never cut: " (transductive), 100 %"


def difference_panels(study: StoredStudy) -> list[Panel]:
    """Draw every arm's paired difference from the reference, a panel a metric.

    Panels share one axis. Where an interval is far wider than its seeds, as with two of them, it
    is cut at the frame and ends in an arrow.
    """
    rows = [
        (arm, budget)
        for budget in study.budgets
        for arm in study.arms
        if arm != study.reference and study.difference(arm, budget, study.primary)
    ]
    if not rows:
        return []
    limits = _limits(
        [study.difference(*row, metric) or {} for row in rows for metric in study.metrics]
    )
    return [
        Panel(metric_title(metric), _forest(study, rows, metric, limits))
        for metric in study.metrics
    ]


def _limits(differences: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Return an axis that holds zero and all seeds, and intervals up to thrice as wide."""
    values = [v for d in differences for v in _numbers(d.get("values"))]
    ends = [v for d in differences for v in _numbers(d.get("interval"))]
    widest = max(map(abs, values), default=0.0) or 0.01
    low, high = np.clip(
        [min([0, *values, *ends]), max([0, *values, *ends])], -3 * widest, 3 * widest
    )
    return 1.1 * min(low, -0.2 * high), 1.1 * max(high, -0.2 * low)


def _numbers(values: object) -> list[float]:
    return [v for v in values if is_number(v)] if isinstance(values, list) else []


def _forest(
    study: StoredStudy, rows: list[tuple[str, float]], metric: str, limits: tuple[float, float]
) -> Drawing:
    lane = LABEL_PX + 24

    def paint(axes: Axes) -> None:
        lanes(axes, height=lane * len(rows))
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_xlim(limits)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("difference from the reference")
        for position, (arm, budget) in enumerate(rows):
            extent = f", {budget_title(budget)}" if len(study.budgets) > 1 else ""
            lane_label(axes, lane * position, study.arm_title(arm) + extent)
            entry = study.difference(arm, budget, metric) or {}
            _interval_and_seeds(axes, entry, lane * position + LABEL_PX + 9, study.arms.index(arm))

    return draw(
        paint,
        width=NARROW,
        height=lane * len(rows) + BOTTOM + 2,
        left=8,
        top=2,
        name=f"difference-{metric}",
        label=_difference_words(study, rows, metric),
    )


def _interval_and_seeds(axes: Axes, entry: dict[str, Any], y: float, index: int) -> None:
    values = _numbers(entry.get("values"))
    bounds = _numbers(entry.get("interval"))
    if bounds:
        low, high = np.clip(bounds, *axes.get_xlim())
        axes.plot([low, high], [y, y], color=colour(index), linewidth=2.2, solid_capstyle="butt")
        for end, given, head in ((low, bounds[0], "<"), (high, bounds[1], ">")):
            if end != given:
                axes.plot(end, y, head, color=colour(index), markersize=7, clip_on=False)
    axes.plot(
        values,
        np.full(len(values), y + 9),
        "|",
        color=colour(index),
        markersize=8,
        markeredgewidth=1.6,
        alpha=0.75,
    )
    if is_number(entry.get("mean")):
        _mean(axes, float(entry["mean"]), y, index, size=8.5)


def _difference_words(study: StoredStudy, rows: list[tuple[str, float]], metric: str) -> str:
    parts = []
    for arm, budget in rows:
        entry = study.difference(arm, budget, metric) or {}
        bounds = interval(entry.get("interval"), signed=True) or "no interval"
        mean = decimal(entry.get("mean"), signed=True)
        parts.append(f"{study.arm_title(arm)} at {budget_title(budget)}: {mean} {bounds}")
    reference = study.arm_title(study.reference)
    return f"{metric_title(metric)}, difference from {reference}. " + "; ".join(parts)


def class_panels(study: StoredStudy) -> list[Panel]:
    """Draw F1 by class at the largest budget, a panel a group of classes."""
    if not study.budgets or not any(
        run.test for run in study.runs_of("train", budget=study.budgets[0])
    ):
        return []
    return [
        Panel(group.capitalize(), _class_dots(study, group, classes))
        for group, classes in study.class_groups.items()
    ]


def _class_dots(study: StoredStudy, group: str, classes: list[str]) -> Drawing:
    lane = LABEL_PX + 11 * len(study.arms) + 7

    def paint(axes: Axes) -> None:
        lanes(axes, height=lane * len(classes))
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("F1")
        for position, name in enumerate(classes):
            top = lane * position
            _class_label(axes, study, name, top)
            for index, arm in enumerate(study.arms):
                seeds = class_f1(study, arm, name)
                y = top + LABEL_PX + 11 * index + 5
                axes.plot(seeds, np.full(len(seeds), y), "o", color=colour(index), markersize=3.6,
                          alpha=0.4, markeredgewidth=0)  # fmt: skip
                if seeds:
                    _mean(axes, float(np.mean(seeds)), y, index, size=8)

    return draw(
        paint,
        width=WIDE,
        height=lane * len(classes) + BOTTOM + 2,
        left=8,
        top=2,
        name=f"classes-{study.classes.index(classes[0])}",
        label=_class_words(study, group, classes),
    )


def class_f1(study: StoredStudy, arm: str, name: str) -> list[float]:
    """Return a class's test F1 in each run of an arm; none where it has no test image."""
    runs = study.runs_of("train", arm=arm, budget=study.budgets[0])
    scores = [run.test["per_class"].get(name, {}) for run in runs if run.test]
    return [s["f1"] for s in scores if s.get("support") and is_number(s.get("f1"))]


def _support(study: StoredStudy, name: str) -> int:
    runs = study.runs_of("train", budget=study.budgets[0])
    counts = [run.test["per_class"].get(name, {}).get("support", 0) for run in runs if run.test]
    return int(max(counts, default=0))


def _class_label(axes: Axes, study: StoredStudy, name: str, top: float) -> None:
    info = study.class_info.get(name, {})
    support = _support(study, name)
    title = info.get("title") or ""
    words = [name, title if title.lower() != name.lower() else ""]
    words.append(f"{support:,} images" if support else "no test image")
    lane_label(axes, top, " · ".join(filter(None, words)), indent=17)
    chip = class_colour(info)
    axes.plot(-0.004, top + LABEL_PX / 2 - 1, "s", color=chip, markersize=8, clip_on=False,
              markeredgecolor=MUTED, markeredgewidth=0.6)  # fmt: skip


def class_colour(info: dict[str, Any], default: str = RULE) -> str:
    """Return a class's own colour, or the default if it has none that is valid."""
    given = info.get("colour")
    return to_hex(given) if isinstance(given, str) and is_color_like(given) else default


def _class_words(study: StoredStudy, group: str, classes: list[str]) -> str:
    parts = []
    for name in classes:
        means = [(study.arm_title(arm), class_f1(study, arm, name)) for arm in study.arms]
        scores = ", ".join(f"{arm} {decimal(float(np.mean(f1)))}" for arm, f1 in means if f1)
        parts.append(f"{name}: {scores or 'no test image'}")
    return f"Mean F1 by class. {group.capitalize()} " + "; ".join(parts)


def lanes(axes: Axes, *, height: float) -> None:
    """Set up rows that are counted in pixels from the top."""
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def lane_label(axes: Axes, top: float, text: str, indent: float = 0) -> None:
    """Write the label of a row, cut in its middle to the width of the drawing."""
    room = int((axes.bbox.width + 2 * RIGHT) / LETTER)
    axes.annotate(
        text if len(text) <= room else f"{text[: room - _TAIL - 1]}…{text[-_TAIL:]}",
        (0, top),
        xycoords=("axes fraction", "data"),
        xytext=(indent, -LABEL_PX / 2),
        textcoords="offset points",
        va="center",
        color=INK,
        annotation_clip=False,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
    )


def _mean(axes: Axes, x: float, y: float, index: int, *, size: float) -> None:
    axes.plot(x, y, marker(index), color=colour(index), markersize=size, markeredgecolor=PAPER,
              markeredgewidth=0.8, clip_on=False)  # fmt: skip
