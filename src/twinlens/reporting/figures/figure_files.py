"""Figures as files of their own: SVG and PDF in real colours, with titles and legend."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from twinlens.files import atomic_file
from twinlens.reporting.figures.svg import (
    INK,
    LETTER,
    MUTED,
    Canvas,
    Drawing,
    Panel,
    Swatch,
    drawing_style,
    sheet,
)

_WIDTH, _MARGIN, _GAP = 930, 8, 26
_LINE, _MARK = 16, 22  # height of a line, and width of the mark before it
_NO_DATES: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}

Legend = Sequence[tuple[Markup, str]]


def save_figure(path: Path, panels: Sequence[Panel], legend: Legend = ()) -> list[Path]:
    """Write a figure of the page as SVG and as PDF; the same figure gives the same bytes.

    Text stays text, in DejaVu Sans, which the PDF embeds. Photographs are pixels inside.

    Args:
        path: The files without their suffix; the folder is made.
        panels: Laid out side by side as the page does where there is room.
        legend: Marks and names above the panels.

    Returns:
        The two files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files = []
    with drawing_style(path.name):
        figure = _composed(panels, legend)
        for kind, dates in _NO_DATES.items():
            files.append(path.with_name(f"{path.name}.{kind}"))
            with atomic_file(files[-1]) as temporary:
                figure.savefig(temporary, format=kind, metadata=dates, facecolor="white")
    return files


def picture_panel(path: Path, title: str = "", note: str = "") -> Panel:
    """Return a stored picture as a panel for `save_figure`; the page shows the picture itself."""
    with Image.open(path) as file:
        pixels = np.asarray(file.convert("RGB"))
    shrink = min(1, _WIDTH / pixels.shape[1])

    def paint(axes: Axes) -> None:
        axes.imshow(pixels, interpolation="none")
        axes.axis("off")

    drawing = Drawing("")
    height, width = (side * shrink for side in pixels.shape[:2])
    drawing.canvas = Canvas(paint, width + _MARGIN, height, 0, 0, 0)
    return Panel(title, drawing, note)


def _composed(panels: Sequence[Panel], legend: Legend) -> Figure:
    """Lay out legend and panels, then paint them."""
    widest = max(panel.drawing.canvas.width for panel in panels)
    columns = max(1, min(len(panels), int((_WIDTH + _GAP) // (widest + _GAP))))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    width = 2 * _MARGIN + columns * widest + (columns - 1) * _GAP
    entries, lines = _flow(legend, width - 2 * _MARGIN)
    heights = [[max(part) for part in zip(*map(_heights, row), strict=True)] for row in rows]
    y = _MARGIN + _LINE * lines + (_MARGIN if lines else 0)
    figure = sheet(width, y + sum(map(sum, heights)) + _GAP * (len(rows) - 1) + _MARGIN)
    _write_legend(figure, entries, _MARGIN, _MARGIN)
    for row, (head, body, note) in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            x = _MARGIN + column * (widest + _GAP)
            _write_head(figure, panel, x, y + head - _heights(panel)[0])
            panel.drawing.canvas.paint_on(figure, x, y + head)
            below = y + head + panel.drawing.canvas.height
            _write(figure, x, below, _wrapped(panel.note, panel), fontsize=9.5, color=MUTED)
        y += head + body + note + _GAP
    return figure


def _heights(panel: Panel) -> tuple[float, float, float]:
    """Return what a panel's head, drawing and note take."""
    own = _flow(panel.legend, panel.drawing.canvas.width)[1]
    head = len(_wrapped(panel.title, panel)) + own
    return head * _LINE, panel.drawing.canvas.height, _LINE * len(_wrapped(panel.note, panel))


def _wrapped(text: str, panel: Panel) -> list[str]:
    """Break a text into lines of the drawing's width, room for a mark left."""
    return textwrap.wrap(text, int(panel.drawing.canvas.width / LETTER) - 2)


def _write_head(figure: Figure, panel: Panel, x: float, y: float) -> None:
    lines = _wrapped(panel.title, panel)
    indent = _mark(figure, panel.swatch, x, y) if lines else 0
    _write(figure, x + indent, y, lines, fontsize=11, fontweight="bold")
    entries, _ = _flow(panel.legend, panel.drawing.canvas.width)
    _write_legend(figure, entries, x, y + _LINE * len(lines))


def _flow(legend: Legend, width: float) -> tuple[list[tuple[float, float, Markup, str]], int]:
    """Return entries, each with its place from the legend's corner, and the number of lines."""
    entries: list[tuple[float, float, Markup, str]] = []
    x, line = 0.0, 0
    for mark, name in legend:
        room = _MARK + LETTER * len(name) + 14
        if x and x + room > width:
            x, line = 0.0, line + 1
        entries.append((x, line * _LINE, mark, name))
        x += room
    return entries, line + 1 if entries else 0


def _write_legend(
    figure: Figure, entries: list[tuple[float, float, Markup, str]], x: float, y: float
) -> None:
    for right, down, mark, name in entries:
        indent = _mark(figure, mark, x + right, y + down)
        _write(figure, x + right + indent, y + down, [name], fontsize=10.5)


def _mark(figure: Figure, mark: Markup, x: float, y: float) -> float:
    """Draw a swatch into its line and return the room that it takes."""
    if not isinstance(mark, Swatch):
        return 0
    width, height = figure.bbox.size
    at, level = np.array([0, 8, 16]) + x, 1 - (y + _LINE / 2) / height
    style = {"linestyle": "", "markersize": 8, "markeredgewidth": 0, **mark.style}
    figure.add_artist(Line2D(at / width, [level] * 3, markevery=[1], **style))
    return _MARK


def _write(figure: Figure, x: float, y: float, lines: Sequence[str], **style: Any) -> None:
    width, height = figure.bbox.size
    for number, line in enumerate(lines):
        level = 1 - (y + _LINE * (number + 0.5)) / height
        figure.text(x / width, level, line, **{"color": INK, "va": "center", **style})
