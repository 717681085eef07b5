"""Figures of the results: paired differences and F1 by class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex
from matplotlib.ticker import MaxNLocator

from twinlens.records.results import Difference
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import (
    BOTTOM,
    INK,
    LETTER,
    MUTED,
    NARROW,
    PAPER,
    RIGHT,
    RULE,
    WIDE,
    colour,
    marker,
)
from twinlens.reporting.formatting import (
    decimal,
    interval,
    label_fraction_title,
    metric_title,
    p_value,
)
from twinlens.reporting.study.load_study import StoredStudy

LABEL_PX = 17
"""Height of a lane's label, which stands above its marks, so that they have the whole width."""

_TAIL = 24  # letters at the end of a label that are never cut: " (transductive), 100 %"


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
    rows = difference_rows(study)
    together = (
        [rows]
        if len(rows) <= _ROWS
        else [_at(rows, label_fraction) for label_fraction in study.label_fractions]
    )
    limits = _limits(study, rows)
    return [
        (
            some[0][1],
            [_forest(study, some, m, limits) for m in study.metrics],
        )
        for some in together
        if some
    ]


def _at(rows: Sequence[Row], label_fraction: float) -> list[Row]:
    return [row for row in rows if row[1] == label_fraction]


def difference_rows(study: StoredStudy) -> list[Row]:
    """Return each arm and label fraction with a difference, the largest fraction first."""
    return [
        (arm, label_fraction)
        for label_fraction in study.label_fractions
        for arm in study.arms
        if arm != study.reference and study.difference(arm, label_fraction, study.primary)
    ]


def _limits(study: StoredStudy, rows: Sequence[Row]) -> tuple[float, float]:
    """Return an axis that holds zero, all seeds, and intervals up to thrice as wide.

    It holds the smallest worthwhile difference too.
    """
    found = [study.difference(*row, metric) for row in rows for metric in study.metrics]
    entries = [entry for entry in found if entry]
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
    lane = LABEL_PX + 24

    def paint(axes: Axes) -> None:
        lanes(axes, height=lane * len(rows))
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_xlim(limits)
        if study.min_effect and metric == study.primary:
            axes.axvspan(-study.min_effect, study.min_effect, color=RULE, alpha=0.5, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("difference from the reference")
        for position, (arm, label_fraction) in enumerate(rows):
            extent = (
                f", {label_fraction_title(label_fraction)}"
                if len({at for _, at in rows}) > 1
                else ""
            )
            entry = study.difference(arm, label_fraction, metric)
            corrected = p_value(entry.p_holm if entry else None)
            lane_label(axes, lane * position, study.arm_title(arm) + extent, remark=corrected)
            if entry:
                y = lane * position + LABEL_PX + 9
                _interval_and_seeds(axes, entry, y, study.arms.index(arm))

    frame = Frame(NARROW, lane * len(rows) + BOTTOM + 2, left=8, top=2)
    return Panel(metric_title(metric), frame, paint, _difference_words(study, rows, metric))


def _interval_and_seeds(axes: Axes, entry: Difference, y: float, index: int) -> None:
    values, bounds = entry.values, entry.interval
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
    _mean(axes, entry.mean, y, index, size=8.5)


def _difference_words(study: StoredStudy, rows: Sequence[Row], metric: str) -> str:
    parts = []
    for arm, label_fraction in rows:
        entry = study.difference(arm, label_fraction, metric)
        bounds = interval(entry.interval if entry else None, signed=True) or "no interval"
        mean = decimal(entry.mean if entry else None, signed=True)
        corrected = f" ({p_value(entry.p_holm)})" if entry and entry.p_holm is not None else ""
        title = study.arm_title(arm)
        parts.append(
            f"{title} at {label_fraction_title(label_fraction)}: {mean} {bounds}{corrected}"
        )
    reference = study.arm_title(study.reference)
    return f"{metric_title(metric)}, difference from {reference}. " + "; ".join(parts)


def class_panels(study: StoredStudy) -> list[Panel]:
    """Draw F1 by class at the largest label fraction, a panel a group of classes."""
    if not study.label_fractions or not any(
        run.test for run in study.runs_of("train", label_fraction=study.label_fractions[0])
    ):
        return []
    return [_class_dots(study, group, classes) for group, classes in study.class_groups.items()]


def _class_dots(study: StoredStudy, group: str, classes: list[str]) -> Panel:
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

    frame = Frame(WIDE, lane * len(classes) + BOTTOM + 2, left=8, top=2)
    return Panel(group.capitalize(), frame, paint, _class_words(study, group, classes))


def class_f1(study: StoredStudy, arm: str, name: str) -> list[float]:
    """Return a class's test F1 in each run of an arm; none where it has no test image."""
    runs = study.runs_of("train", arm=arm, label_fraction=study.label_fractions[0])
    scores = [run.test.per_class.get(name) for run in runs if run.test]
    return [of_class.f1 for of_class in scores if of_class and of_class.support]


def _support(study: StoredStudy, name: str) -> int:
    runs = study.runs_of("train", label_fraction=study.label_fractions[0])
    scores = [run.test.per_class.get(name) for run in runs if run.test]
    return max((of_class.support for of_class in scores if of_class), default=0)


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


def lane_label(axes: Axes, top: float, text: str, indent: float = 0, remark: str = "") -> None:
    """Write a row's label, cut in its middle to the drawing's width, and a remark on the right."""
    room = int((axes.bbox.width + 2 * RIGHT) / LETTER) - len(remark) - bool(remark)
    words = text if len(text) <= room else f"{text[: room - _TAIL - 1]}…{text[-_TAIL:]}"
    style: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
        "xycoords": ("axes fraction", "data"),
        "bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
    }
    axes.annotate(words, (0, top), xytext=(indent, -LABEL_PX / 2), color=INK, **style)
    if remark:
        axes.annotate(remark, (1, top), xytext=(0, -LABEL_PX / 2), color=MUTED, ha="right",
                      fontsize=9.5, **style)  # fmt: skip


def _mean(axes: Axes, x: float, y: float, index: int, *, size: float) -> None:
    axes.plot(x, y, marker(index), color=colour(index), markersize=size, markeredgecolor=PAPER,
              markeredgewidth=0.8, clip_on=False)  # fmt: skip
