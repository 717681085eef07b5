"""Rows of a figure that are counted in pixels from the top, each with its label above its marks."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from twinlens.reporting.figures.style import INK, LETTER, MUTED, PAPER, RIGHT, colour, marker

LABEL_PX = 17
"""Height of a label, which stands above the marks, so that they have the whole width."""

_TAIL = 24  # letters at the end of a label that are never cut: " (transductive), 100 %"


def set_up_lanes(axes: Axes, *, height: float) -> None:
    """Count the vertical axis in pixels from the top."""
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def lane_label(axes: Axes, top: float, text: str, indent: float = 0, remark: str = "") -> None:
    """Write a row's label, cut in its middle to the drawing's width, and a remark on the right."""
    letters = int((axes.bbox.width + 2 * RIGHT) / LETTER) - len(remark) - bool(remark)
    words = text if len(text) <= letters else f"{text[: letters - _TAIL - 1]}…{text[-_TAIL:]}"
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


def mean_mark(axes: Axes, x: float, y: float, index: int, *, size: float) -> list[Line2D]:
    """Mark the mean of the arm at `index`."""
    return axes.plot(x, y, marker(index), color=colour(index), markersize=size,
                     markeredgecolor=PAPER, markeredgewidth=0.8, clip_on=False)  # fmt: skip
