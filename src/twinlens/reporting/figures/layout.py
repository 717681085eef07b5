"""The layout of a figure: legend and panels, each with its heading, axes and note."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from twinlens.reporting.figures.style import BOTTOM, INK, LETTER, MUTED, RIGHT, Legend, Mark

PAGE = 930  # width of a figure that fills the page
_MARGIN, _GAP = 8, 26
_LINE, _MARK = 16, 22  # height of a line of text, and width of the mark before it
_TITLE_LETTER = 7.2  # mean width of a letter of a title


@dataclass(frozen=True)
class Frame:
    """Size of a panel and the margins around its axes.

    Margins are fixed, so that the axes of panels side by side are aligned.
    """

    width: float
    height: float
    left: float = 50
    top: float = 4
    bottom: float = BOTTOM


@dataclass(frozen=True)
class Panel:
    """One pair of axes of a figure.

    Attributes:
        title: Heading; none if empty.
        frame: Its size.
        paint: Draws into the axes.
        description: What it shows, for readers who cannot see it.
        note: Remark below the axes.
        mark: Mark before the heading.
        legend: Below the heading.
    """

    title: str
    frame: Frame
    paint: Callable[[Axes], None]
    description: str
    note: str = ""
    mark: Mark | None = None
    legend: Legend = ()


def picture_panel(path: Path, title: str = "") -> Panel:
    """Return a stored picture as a panel no wider than the page."""
    with Image.open(path) as file:
        pixels = np.asarray(file.convert("RGB"))
    shrink = min(1, PAGE / pixels.shape[1])
    height, width = (side * shrink for side in pixels.shape[:2])

    def paint(axes: Axes) -> None:
        axes.imshow(pixels, interpolation="none")
        axes.axis("off")

    return Panel(title, Frame(width + RIGHT, height, 0, 0, 0), paint, title)


def compose(panels: Sequence[Panel], legend: Legend = ()) -> Figure:
    """Lay out panels side by side where there is room, below a legend, and paint them."""
    widest = max(panel.frame.width for panel in panels)
    columns = max(1, min(len(panels), int((PAGE + _GAP) // (widest + _GAP))))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    width = 2 * _MARGIN + columns * widest + (columns - 1) * _GAP
    entries, lines = _flow(legend, width - 2 * _MARGIN)
    heights = [[max(part) for part in zip(*map(_heights, row), strict=True)] for row in rows]
    y = _MARGIN + _LINE * lines + (_MARGIN if lines else 0)
    height = y + sum(map(sum, heights)) + _GAP * (len(rows) - 1) + _MARGIN
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    _write_legend(figure, entries, _MARGIN, _MARGIN)
    for row, (head, body, note) in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            _draw_panel(figure, panel, _MARGIN + column * (widest + _GAP), y, head)
        y += head + body + note + _GAP
    return figure


def _heights(panel: Panel) -> tuple[float, float, float]:
    """Return the heights of a panel's heading with legend, its drawing and its note."""
    _, legend_lines = _flow(panel.legend, panel.frame.width)
    head = len(_wrap_title(panel)) + legend_lines
    return head * _LINE, panel.frame.height, _LINE * len(_wrap(panel.note, panel))


def _wrap(text: str, panel: Panel) -> list[str]:
    """Break a text into lines of the panel's width, with room for a mark."""
    return textwrap.wrap(text, int(panel.frame.width / LETTER) - 2)


def _wrap_title(panel: Panel) -> list[str]:
    """Break a title, whose letters are wider, into lines of the width that its mark leaves."""
    room = panel.frame.width - (_MARK if panel.mark else 0)
    return textwrap.wrap(panel.title, max(1, int(room / _TITLE_LETTER)))


def _draw_panel(figure: Figure, panel: Panel, x: float, y: float, head: float) -> None:
    """Draw a panel below (x, y), its axes `head` pixels below that."""
    frame, title = panel.frame, _wrap_title(panel)
    at = y + head - _heights(panel)[0]
    indent = _draw_mark(figure, panel.mark, x, at) if title and panel.mark else 0
    _write(figure, x + indent, at, title, fontsize=11.5, fontweight="bold")
    entries, _ = _flow(panel.legend, frame.width)
    _write_legend(figure, entries, x, at + _LINE * len(title))
    across, down = figure.bbox.size
    width, height = frame.width - frame.left - RIGHT, frame.height - frame.top - frame.bottom
    bottom = 1 - (y + head + frame.top + height) / down
    axes = figure.add_axes(
        ((x + frame.left) / across, bottom, width / across, height / down), facecolor="none"
    )
    axes.tick_params(length=3)
    panel.paint(axes)
    note = _wrap(panel.note, panel)
    _write(figure, x, y + head + frame.height, note, fontsize=9.5, color=MUTED)


def _flow(legend: Legend, width: float) -> tuple[list[tuple[float, float, Mark, str]], int]:
    """Return entries, each with its place from the legend's corner, and the number of lines."""
    entries: list[tuple[float, float, Mark, str]] = []
    x, line = 0.0, 0
    for mark, name in legend:
        room = _MARK + LETTER * len(name) + 14
        if x and x + room > width:
            x, line = 0.0, line + 1
        entries.append((x, line * _LINE, mark, name))
        x += room
    return entries, line + 1 if entries else 0


def _write_legend(
    figure: Figure, entries: list[tuple[float, float, Mark, str]], x: float, y: float
) -> None:
    for right, down, mark, name in entries:
        indent = _draw_mark(figure, mark, x + right, y + down)
        _write(figure, x + right + indent, y + down, [name], fontsize=10.5)


def _draw_mark(figure: Figure, mark: Mark, x: float, y: float) -> float:
    """Draw a mark at the start of a line and return the width that it takes."""
    width, height = figure.bbox.size
    points, level = np.array([0, 8, 16]) + x, 1 - (y + _LINE / 2) / height
    line = Line2D(points / width, [level] * 3, color=mark.colour, markersize=8, markevery=[1])
    line.set(linestyle=mark.linestyle, marker=mark.marker, markeredgewidth=0)
    figure.add_artist(line)
    return _MARK


def _write(figure: Figure, x: float, y: float, lines: Sequence[str], **style: Any) -> None:
    width, height = figure.bbox.size
    for number, line in enumerate(lines):
        level = 1 - (y + _LINE * (number + 0.5)) / height
        figure.text(x / width, level, line, **{"color": INK, "va": "center", **style})
