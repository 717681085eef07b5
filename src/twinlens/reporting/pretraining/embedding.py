"""Maps of the encoder's features before and after a pretraining."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from twinlens.data.splits import NO_LABEL
from twinlens.reporting.audit.composition import class_colours
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, PALETTE, RULE, WIDE, Legend, Mark, marker
from twinlens.reporting.formatting import count
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.arm_runs import ArmRuns

_DOTS = 1000  # images on a map; more would overlap and enlarge the page
_WHEN = {"before": "Before pretraining", "after": "After pretraining"}


def map_panels(arm: ArmRuns) -> tuple[list[Panel], Legend]:
    """Draw the map of the embedding of the first run, before and after, with a legend of classes.

    Both panels show the same images. Without labels there is one colour and no legend.
    """
    run = arm.runs[0]
    if run.embedding is None or run.embedding.empty:
        return [], []
    table = _sample(run.embedding)
    labels = table["label"].fillna(NO_LABEL)
    marks = _class_marks(run, set(labels))
    panels = [_map(table, labels, marks, when, arm) for when in _WHEN]
    legend = [(Mark(mark[1], marker(mark[0])), label) for label, mark in marks.items()]
    return panels, legend if len(legend) > 1 else []


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows evenly spaced over a table, as it may be sorted by class."""
    rows = np.linspace(0, len(table) - 1, min(len(table), _DOTS)).round().astype(int)
    return table.iloc[rows]


def _images_shown(table: pd.DataFrame | None) -> str:
    if table is None or len(table) <= _DOTS:
        return ""
    return f"{count(_DOTS)} of the {count(len(table))} images on the map."


def _class_marks(run: StoredRun, labels: set[str]) -> dict[str, tuple[int, str]]:
    """Return (index of the marker, colour) of the labels that occur, in class order."""
    if labels == {NO_LABEL}:
        return {NO_LABEL: (0, PALETTE[1])}
    known = run.data.classes
    classes = [*known, *sorted(labels - {*known, NO_LABEL})]
    colours = class_colours(classes, run.data.class_info)
    marks = {label: (index, colours[label]) for index, label in enumerate(classes, 1)}
    return {
        label: mark
        for label, mark in (marks | {NO_LABEL: (0, colours[NO_LABEL])}).items()
        if label in labels
    }


def _map(
    table: pd.DataFrame,
    labels: "pd.Series[str]",
    marks: dict[str, tuple[int, str]],
    when: str,
    arm: ArmRuns,
) -> Panel:
    frequency = labels.value_counts()

    def paint(axes: Axes) -> None:
        # Frequent classes first, so that rare ones lie on top; images without a label below all.
        for label in sorted(marks, key=lambda label: (label != NO_LABEL, -frequency[label])):
            index, colour = marks[label]
            dots = table[labels == label]
            axes.plot(dots[f"{when}_x"], dots[f"{when}_y"], marker(index), color=colour,
                      markersize=4.4, markeredgecolor=MUTED, markeredgewidth=0.4)  # fmt: skip
        axes.set_aspect("equal", "datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(RULE)

    counts = ", ".join(f"{label} {count(frequency[label])}" for label in marks)
    return Panel(
        _WHEN[when],
        Frame(WIDE, 0.8 * WIDE, left=1, top=2, bottom=4),
        paint,
        f"Map of the embedding {when} pretraining{arm.of}. Images by class: {counts}.",
        note=_images_shown(arm.runs[0].embedding),
    )
