"""Drawing for a page: matplotlib figures as inline SVG that takes its colours from the page.

Figures are drawn in a fixed set of colours, and each of them is replaced by a CSS variable, so
that one drawing serves the light and the dark page. Text stays text, in the page's own font.
One unit of a drawing is one CSS pixel; drawings are no wider than a phone, and the page lays
them side by side where there is room. Each drawing remembers how it was painted, so that
`twinlens.reporting.figures.figure_files` can paint it again, in its real colours, in a file of its
own.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import Affine2D

INK, MUTED, RULE, PAPER = "#1b1c1e", "#6a6b6d", "#dddee0", "#fefefd"
NARROW, WIDE = 285, 440  # three or two panels a row
BOTTOM = 36  # ticks and name of the horizontal axis
RIGHT = 8  # margin on the right, for the last tick's label
LETTER = 6.4  # about the width of a letter of a label

PALETTE = (  # a grey for the reference, then Okabe and Ito's colours (2008)
    "#5e5f61",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p")

_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    PAPER: "paper",
    **{colour: f"colour-{index}" for index, colour in enumerate(PALETTE)},
}
_MARKS = (
    r'<g( clip-path="[^"]*"|)>'
    r'(\n<use [^>]*? style="([^"]*)"/>(?:\n<use [^>]*? style="\3"/>)*\n)</g>'
)
_STYLE: dict[Any, Any] = {
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so files are alike everywhere
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "font.size": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Canvas:
    """What is painted into a pair of axes, the size of it all, and margins around the frame.

    All are in CSS pixels. Margins are fixed, so that the frames of panels side by side are in line.
    """

    paint: Callable[[Axes], None]
    width: float
    height: float
    left: float
    top: float
    bottom: float

    def paint_on(self, figure: Figure, x: float = 0, y: float = 0) -> None:
        """Paint with the upper left corner at (x, y) from that of the figure."""
        across, down = figure.bbox.size
        frame = self.width - self.left - RIGHT, self.height - self.top - self.bottom
        corner = (x + self.left) / across, 1 - (y + self.top + frame[1]) / down
        axes = figure.add_axes((*corner, frame[0] / across, frame[1] / down))
        axes.patch.set_visible(False)
        axes.tick_params(length=3)
        self.paint(axes)


class Drawing(Markup):
    """Inline SVG, and how to paint it again."""

    canvas: Canvas


class Swatch(Markup):
    """A small drawing for tables and legends, and the same as the style of a line."""

    style: dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure, with its heading, a legend of its own and a remark below."""

    title: str
    drawing: Drawing
    note: str = ""
    swatch: Markup = Markup("")  # noqa: RUF009  (immutable)
    legend: Sequence[tuple[Markup, str]] = ()


def colour(index: int) -> str:
    """Return the colour of the arm at `index`: the grey is the reference's alone."""
    return PALETTE[_number(index)]


def marker(index: int) -> str:
    """Return the marker of the arm at `index`; with the colour it tells 48 arms apart."""
    return MARKERS[(index + index // 24) % len(MARKERS)]  # 24: where both come round together


def sheet(width: float, height: float) -> Figure:
    """Return an empty figure of a size in CSS pixels, which are its dots."""
    return Figure(figsize=(width / 72, height / 72), dpi=72)


@contextmanager
def drawing_style(name: str) -> Iterator[None]:
    """Draw in the style of all figures; inner references of an SVG are derived from the name."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # Glyphs that the measuring font lacks are still written as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def draw(
    paint: Callable[[Axes], None],
    *,
    width: float,
    height: float,
    left: float,
    top: float,
    bottom: float = BOTTOM,
    name: str,
    label: str,
) -> Drawing:
    """Draw one pair of axes and return it as inline SVG.

    Args:
        paint: Draws into the axes.
        width: Natural width in CSS pixels.
        height: Natural height in CSS pixels.
        left: Margin for the vertical axis in CSS pixels.
        top: Margin above the frame in CSS pixels.
        bottom: Margin below it in CSS pixels.
        name: Unique on the page; the drawing's inner references are derived from it.
        label: What the drawing shows, for those who hear the page.
    """
    canvas, buffer = Canvas(paint, width, height, left, top, bottom), io.StringIO()
    with drawing_style(name):
        figure = sheet(width, height)
        figure.patch.set_visible(False)
        canvas.paint_on(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = Drawing(_inline(buffer.getvalue(), width, height, label))
    drawing.canvas = canvas
    return drawing


def swatch(index: int, hex_colour: str = "") -> Swatch:
    """Return the marker of an arm as a small drawing for tables and legends.

    Args:
        index: Of the arm.
        hex_colour: Instead of the arm's colour.
    """
    style = MarkerStyle(marker(index))
    path = style.get_path().transformed(style.get_transform() + Affine2D().scale(100, -100))
    parts = [np.asarray(part) for part in path.to_polygons()]
    points = [" ".join(f"{x:.0f},{y:.0f}" for x, y in part) for part in parts]
    shapes = "".join(f'<polygon points="{part}"/>' for part in points)
    return _swatch(
        f'<svg class="swatch" viewBox="-60 -60 120 120" aria-hidden="true" '
        f'style="fill:{_on_page(hex_colour or colour(index))}">{shapes}</svg>',
        color=hex_colour or colour(index),
        marker=marker(index),
    )


def line_swatch(hex_colour: str, *, dashed: bool = False) -> Swatch:
    """Return a short piece of a line for a legend."""
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return _swatch(
        '<svg class="swatch line" viewBox="0 0 22 10" aria-hidden="true">'
        f'<line x2="22" y1="5" y2="5" stroke="{_on_page(hex_colour)}" '
        f'stroke-width="2.2"{dashes}/></svg>',
        color=hex_colour,
        linestyle="--" if dashed else "-",
    )


def square_swatch(hex_colour: str) -> Swatch:
    """Return a filled square for a legend: of a class's own colour, or one of the page's."""
    return _swatch(
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect width="10" height="10" rx="1" style="fill:{_on_page(hex_colour)}"/></svg>',
        color=hex_colour,
        marker="s",
    )


def _swatch(markup: str, **style: Any) -> Swatch:
    made = Swatch(markup)
    made.style = style
    return made


def _on_page(hex_colour: str) -> str:
    """Return a colour of the page, or another one, which a dark page may lighten."""
    if hex_colour in _VARIABLES:
        return f"var(--{_VARIABLES[hex_colour]})"
    return f"color-mix(in srgb, {hex_colour} var(--own), var(--ink))"


def _number(index: int) -> int:
    return 1 + (index - 1) % (len(PALETTE) - 1) if index else 0


def _inline(svg: str, width: float, height: float, label: str) -> Markup:
    """Strip what a page does not need, and hand colours and fonts over to it."""
    svg = svg[svg.index("<svg") :]
    svg = svg[svg.index(">") + 1 :]
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _tag(tag[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = re.sub(_MARKS, lambda group: _styled_once(*group.groups()), svg)
    head = (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width:{1.3 * width:g}px" '
        f'role="img" aria-label="{escape(label)}">'
    )
    return Markup(head + svg)


def _styled_once(clip: str, marks: str, style: str) -> str:
    """Write the style of marks that are all alike at their group, as there may be thousands."""
    own = f' style="{style}"'
    return f"<g{clip}{own}>{marks.replace(own, '')}</g>"


def _tag(tag: str) -> str:
    """Rewrite one tag: a label's own text stays as it is."""
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"(\d\d\.\d|\d\.\d\d)\d+", r"\1", tag)
    return re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda found: _on_page(found[0]), tag)
