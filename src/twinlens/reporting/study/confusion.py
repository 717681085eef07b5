"""Confusion matrices: the classes of the test images against those predicted."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import INK, PALETTE, PAPER, Mark, arm_mark
from twinlens.reporting.formatting import MISSING
from twinlens.reporting.study.load_study import StoredStudy

_SIDE = 34  # pixels of a cell


@dataclass(frozen=True)
class Confusion:
    """An arm's confusion matrix, summed over its seeds; rows are the true classes."""

    arm: str
    mark: Mark
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
        found = [np.array(run.test.confusion) for run in runs if run.test]
        if not found:
            continue
        counts = np.sum(found, axis=0)[np.ix_(order, order)].astype(int)
        shares = [[int(n) / int(sum(row)) if sum(row) else None for n in row] for row in counts]
        matrices.append(
            Confusion(
                study.arm_title(arm),
                arm_mark(index),
                [names[i] for i in order],
                counts.tolist(),
                shares,
                breaks,
            )
        )
    return matrices


def confusion_panel(matrix: Confusion) -> Panel:
    """Draw a confusion matrix: the share of each true class in per cent, and images below it."""
    margin, size = 7 * max(map(len, matrix.classes)) + 16, len(matrix.classes)

    def paint(axes: Axes) -> None:
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted")
        axes.set_ylabel("true")
        axes.set_xticks(range(size), matrix.classes, rotation=90)
        axes.set_yticks(range(size), matrix.classes)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for row, column in np.ndindex(size, size):
            _draw_cell(axes, row, column, matrix)
        for at in matrix.breaks:
            axes.axvline(at - 0.5, color=PAPER, linewidth=4)
            axes.axhline(at - 0.5, color=PAPER, linewidth=4)

    frame = Frame(
        _SIDE * size + margin + 28, _SIDE * size + margin + 24, margin + 20, 4, margin + 20
    )
    words = [
        f"{name} {MISSING if share[i] is None else f'{100 * (share[i] or 0):.0f} %'}"
        for i, (name, share) in enumerate(zip(matrix.classes, matrix.shares, strict=True))
    ]
    label = f"Confusion matrix of {matrix.arm}. Correct by class: {', '.join(words)}."
    return Panel(matrix.arm, frame, paint, label, mark=matrix.mark)


def _draw_cell(axes: Axes, row: int, column: int, matrix: Confusion) -> None:
    share, images = matrix.shares[row][column], matrix.counts[row][column]
    corner = (column - 0.48, row - 0.48)
    heat = Rectangle(corner, 0.96, 0.96, color=PALETTE[1], alpha=share or 0.02, linewidth=0)
    axes.add_patch(heat)
    if row == column:
        axes.add_patch(Rectangle(corner, 0.96, 0.96, fill=False, edgecolor=INK, linewidth=1.2))
    text = MISSING if share is None else f"{100 * share:.0f}\n({images})"
    ink = PAPER if (share or 0) > 0.6 else INK
    axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=7.5)
