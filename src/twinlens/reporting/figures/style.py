"""Colours, markers, sizes and matplotlib settings of all figures.

Figures are drawn in a fixed set of colours. On a page each of them becomes a CSS variable, so that
one drawing serves the light and the dark page. One unit of a drawing is one CSS pixel.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import Affine2D

INK, MUTED, RULE, PAPER = "#1b1c1e", "#6a6b6d", "#dddee0", "#fefefd"
NARROW, WIDE = 285, 440  # width of a panel of which three or two fit in a row
BOTTOM = 36  # ticks and title of the horizontal axis
RIGHT = 8  # margin on the right, for the last tick's label
LETTER = 6.4  # mean width of a letter of a label

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
_SETTINGS: dict[Any, Any] = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "path.simplify_threshold": 0.5,
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
class Mark:
    """The sign of an arm or a line in legends, headings and tables.

    Attributes:
        colour: As ``#rrggbb``.
        marker: Of matplotlib; none for a line.
        linestyle: Of matplotlib; none for a marker.
    """

    colour: str
    marker: str = ""
    linestyle: str = ""

    def __html__(self) -> Markup:
        """Return the sign as a small drawing for a page."""
        colour = page_colour(self.colour)
        if not self.marker:
            dashes = "40 30" if self.linestyle == "--" else "none"
            return Markup(
                '<svg class="swatch" viewBox="-60 -60 120 120" aria-hidden="true">'
                f'<line x1="-60" x2="60" style="stroke:{colour};stroke-width:16;'
                f'stroke-dasharray:{dashes}"/></svg>'
            )
        style = MarkerStyle(self.marker)
        path = style.get_path().transformed(style.get_transform() + Affine2D().scale(100, -100))
        polygons = [np.asarray(polygon) for polygon in path.to_polygons()]
        points = [" ".join(f"{x:.0f},{y:.0f}" for x, y in polygon) for polygon in polygons]
        shapes = "".join(f'<polygon points="{polygon}"/>' for polygon in points)
        return Markup(
            '<svg class="swatch" viewBox="-60 -60 120 120" aria-hidden="true" '
            f'style="fill:{colour}">{shapes}</svg>'
        )


Legend = Sequence[tuple[Mark, str]]
"""Marks and the names of what they stand for."""


def colour(index: int) -> str:
    """Return the colour of the arm at `index`: the grey is the reference's alone."""
    return PALETTE[1 + (index - 1) % (len(PALETTE) - 1) if index else 0]


def marker(index: int) -> str:
    """Return the marker of the arm at `index`; with the colour it distinguishes 48 arms."""
    return MARKERS[(index + index // 24) % len(MARKERS)]  # 24: where both repeat together


def arm_mark(index: int) -> Mark:
    """Return the mark of the arm at `index`."""
    return Mark(colour(index), marker(index))


def page_colour(hex_colour: str) -> str:
    """Return the CSS of a colour; one that is not of the palette is lightened on a dark page."""
    if hex_colour in _VARIABLES:
        return f"var(--{_VARIABLES[hex_colour]})"
    return f"color-mix(in srgb, {hex_colour} var(--own), var(--ink))"


@contextmanager
def drawing_style(name: str, family: str = "DejaVu Sans") -> Iterator[None]:
    """Draw in the style of all figures.

    Args:
        name: That of a figure, from which the ids within an SVG are derived.
        family: The font's; the default comes with matplotlib, so files are alike everywhere.
    """
    settings = {**_SETTINGS, "svg.hashsalt": name, "font.sans-serif": [family]}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Glyphs that the measuring font lacks are still written as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield
