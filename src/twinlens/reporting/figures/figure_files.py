"""A figure for the page, as inline SVG in the page's colours, and as SVG and PDF files."""

import io
import re
from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from twinlens.files import atomic_file, write_text
from twinlens.reporting.figures.fonts import embedded_family
from twinlens.reporting.figures.layout import Panel, compose
from twinlens.reporting.figures.style import PAPER, Legend, drawing_style, page_colour
from twinlens.reporting.figures.values import titled

_MARKS = (
    r'<g( clip-path="[^"]*"|)>'
    r'(\n<use [^>]*? style="([^"]*)"/>(?:\n<use [^>]*? style="\3"/>)*\n)</g>'
)
_SHRINKS = 0.9  # of a panel's width, before the panel beside it moves below it


class ReportFigure:
    """Panels and a legend, laid out once and written in several ways.

    Args:
        name: Unique on a page: the ids within the SVG are derived from it.
        panels: At least one.
        legend: Above the panels.
    """

    def __init__(self, name: str, panels: Sequence[Panel], legend: Legend = ()) -> None:
        self.name = name
        self.panels = panels
        self.legend = legend

    @cached_property
    def _figure(self) -> Figure:
        with drawing_style(self.name):
            return compose(self.panels, self.legend)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in CSS pixels."""
        width, height = self._figure.bbox.size
        return float(width), float(height)

    @cached_property
    def svg(self) -> str:
        """The figure as an SVG file: text stays text, photographs are pixels inside."""
        buffer = io.StringIO()
        with drawing_style(self.name):
            self._figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor=PAPER)
        return titled(buffer.getvalue())

    def save(self, path: Path) -> list[Path]:
        """Write the figure as SVG and as PDF; the same figure gives the same bytes.

        Args:
            path: The files without their suffix; the folder is made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        svg, pdf = (path.with_name(f"{path.name}.{suffix}") for suffix in ("svg", "pdf"))
        write_text(svg, self.svg)
        with drawing_style(self.name, embedded_family()), atomic_file(pdf) as temporary:
            dates = {"CreationDate": None}
            self._figure.savefig(temporary, format="pdf", metadata=dates, facecolor=PAPER)
        return [svg, pdf]

    def __html__(self) -> str:
        """Return the figure for a page: panels that stand side by side where there is room."""
        entries = [Markup("<span>{}{}</span>").format(mark, name) for mark, name in self.legend]
        legend = Markup('<p class="legend">{}</p>').format(Markup().join(entries))
        column = _SHRINKS * max(panel.frame.width for panel in self.panels)
        alone = len(self.panels) == 1 and not self.legend  # then it is not drawn twice
        parts = [self] if alone else [*map(self._part, range(len(self.panels)))]
        panels = Markup().join(map(_inline, parts))
        return Markup('{}<div class="panels" style="--column:{}px">{}</div>').format(
            legend if entries else "", round(column), panels
        )

    def _part(self, number: int) -> "ReportFigure":
        return ReportFigure(f"{self.name}-{number}", [self.panels[number]])


def _inline(figure: ReportFigure) -> Markup:
    """Return a figure of one panel as SVG inside a page: without fonts, in the page's colours."""
    svg = figure.svg[figure.svg.index("<svg") :]
    svg = svg[svg.index(">") + 1 :]
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _page_tag(tag[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = re.sub(_MARKS, lambda group: _styled_once(*group.groups()), svg)
    width, height = figure.size
    label = escape(figure.panels[0].description)
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" '
        f'style="max-width:{1.3 * width:g}px">{svg}'
    )


def _page_tag(tag: str) -> str:
    """Rewrite one tag; the text of labels stays as it is."""
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"(\d\d\.\d|\d\.\d\d)\d+", r"\1", tag)
    return re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda found: page_colour(found[0]), tag)


def _styled_once(clip: str, marks: str, style: str) -> str:
    """Move the style that all marks of a group share to the group: there may be thousands."""
    attribute = f' style="{style}"'
    return f"<g{clip}{attribute}>{marks.replace(attribute, '')}</g>"
