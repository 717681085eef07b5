"""Confusion matrices: tables on the page, drawings in files."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from twinlens.reporting.figures.svg import INK, PALETTE, PAPER, Canvas, Drawing, Panel, swatch
from twinlens.reporting.formatting import MISSING
from twinlens.reporting.study.load_study import StoredStudy


@dataclass(frozen=True)
class Confusion:
    """An arm's confusion matrix, summed over its seeds; rows are the true classes."""

    arm: str
    swatch: Markup
    classes: list[str]
    counts: list[list[int]]
    shares: list[list[float | None]]
    breaks: list[int]


def confusions(study: StoredStudy) -> list[Confusion]:
    """Return each arm's confusion matrix with all labels, classes ordered by group."""
    names = study.classes
    order = [names.index(name) for name in study.ordered_classes]
    sizes = [len(classes) for classes in study.class_groups.values()]
    breaks = np.cumsum(sizes)[:-1].tolist()
    matrices = []
    for index, arm in enumerate(study.arms):
        runs = (
            study.runs_of("train", arm=arm, label_fraction=study.label_fractions[0])
            if study.label_fractions
            else []
        )
        found = [np.array(run.test["confusion"]) for run in runs if run.test]
        if not found:
            continue
        counts = np.sum(found, axis=0)[np.ix_(order, order)].astype(int)
        shares = [[int(n) / int(sum(row)) if sum(row) else None for n in row] for row in counts]
        matrices.append(
            Confusion(
                study.arm_title(arm),
                swatch(index),
                [names[i] for i in order],
                counts.tolist(),
                shares,
                breaks,
            )
        )
    return matrices


def confusion_panel(matrix: Confusion) -> Panel:
    """Return a confusion matrix as a drawing for a file; the page writes it as a table."""
    side, room, size = 34, 7 * max(map(len, matrix.classes)) + 16, len(matrix.classes)
    heat = LinearSegmentedColormap.from_list("heat", [PAPER, PALETTE[1]])

    def paint(axes: Axes) -> None:
        shares = np.array([[share or 0.0 for share in row] for row in matrix.shares])
        axes.imshow(shares, cmap=heat, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(size), matrix.classes, rotation=90)
        axes.set_yticks(range(size), matrix.classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for row, column in np.ndindex(size, size):
            share, images = matrix.shares[row][column], matrix.counts[row][column]
            text = MISSING if share is None else f"{100 * share:.0f}\n({images})"
            ink = PAPER if (share or 0) > 0.6 else INK
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=7.5)

    drawing = Drawing("")
    width = side * size + room + 28
    drawing.canvas = Canvas(paint, width, side * size + room + 24, room + 20, 4, room + 20)
    return Panel(matrix.arm, drawing, "Per cent of the true class (images).", matrix.swatch)
