"""What is in each part of a split, as tables and a figure."""

from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from twinlens.data.splits import NO_LABEL
from twinlens.data.table import SPLITS
from twinlens.reporting.figures.svg import (
    BOTTOM,
    PALETTE,
    PAPER,
    RULE,
    WIDE,
    Panel,
    draw,
    square_swatch,
)
from twinlens.reporting.formatting import MISSING, count, decimal, percent, plain
from twinlens.reporting.study.forest_plots import LABEL_PX, class_colour, lane_label, lanes
from twinlens.reporting.tables.tables import Cell, Table, number

_MOST_VALUES = 8  # of an attribute, the others summed up

Composition = dict[str, dict[str, Any]]
"""By part of a split, as `auditing.composition` returns it."""


def class_colours(classes: list[str], class_info: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return each class's own colour, or one of the page's."""
    return {
        name: class_colour(class_info.get(name, {}), PALETTE[1 + i % (len(PALETTE) - 1)])
        for i, name in enumerate(classes)
    } | {NO_LABEL: RULE}


def class_legend(composition: Composition, colours: dict[str, str]) -> list[tuple[Markup, str]]:
    """Return a legend of the classes that are there."""
    there = {name for part in composition.values() for name, n in part["classes"].items() if n}
    return [(square_swatch(colours[name]), name) for name in colours if name in there]


def class_panel(composition: Composition, colours: dict[str, str], name: str) -> Panel:
    """Draw each part as a bar of its classes.

    Args:
        composition: Of a split.
        colours: By class.
        name: Unique on the page.
    """
    parts = [part for part in SPLITS if composition[part]["images"]]
    lane = LABEL_PX + 22

    def paint(axes: Axes) -> None:
        lanes(axes, height=lane * len(parts))
        axes.set_xlim(-1, 103)  # room for the last tick's label
        axes.set_xlabel("per cent of the part's images")
        for position, part in enumerate(parts):
            images, left = composition[part]["images"], 0.0
            lane_label(axes, lane * position, f"{part} · {count(images)} images")
            for label, colour in colours.items():
                share = 100 * composition[part]["classes"].get(label, 0) / images
                axes.barh(lane * position + LABEL_PX + 8, share, 14, left, color=colour,
                          edgecolor=PAPER, linewidth=0.6)  # fmt: skip
                left += share

    return Panel(
        "",
        draw(
            paint,
            width=WIDE,
            height=lane * len(parts) + BOTTOM + 2,
            left=8,
            top=2,
            name=name,
            label=_in_words(composition, parts),
        ),
    )


def _in_words(composition: Composition, parts: list[str]) -> str:
    words = []
    for part in parts:
        images, classes = composition[part]["images"], composition[part]["classes"]
        shares = ", ".join(f"{name} {percent(n / images)}" for name, n in classes.items() if n)
        words.append(f"{part}: {shares}")
    return "Classes by part. " + "; ".join(words)


def attributes_table(composition: Composition) -> Table:
    """Return groups, and what else is known about the images, by part."""
    groups = [number(count(composition[part]["groups"])) for part in SPLITS]
    largest = [number(count(composition[part]["images_per_group"])) for part in SPLITS]
    rows = [
        [Cell("groups"), Cell("number"), *groups],
        [Cell(""), Cell("images of the largest"), *largest],
    ]
    for name in composition[SPLITS[0]]["attributes"]:
        found = [composition[part]["attributes"][name] for part in SPLITS]
        rows += _numeric(name, found) if "mean" in found[0] else _by_value(name, found)
    return Table([Cell("Attribute"), Cell("Value"), *(number(part) for part in SPLITS)], rows)


def _numeric(name: str, found: list[dict[str, Any]]) -> list[list[Cell]]:
    cells = [
        number(
            MISSING
            if part["mean"] is None
            else f"{decimal(part['mean'], digits=1)} ± {decimal(part['sd'], digits=1)}"
        )
        for part in found
    ]
    return _named(name, [[Cell(""), Cell("mean ± sd"), *cells], *_missing(found)])


def _by_value(name: str, found: list[dict[str, Any]]) -> list[list[Cell]]:
    totals: dict[str, int] = {}
    for part in found:
        for value, images in part["values"].items():
            totals[value] = totals.get(value, 0) + images
    ordered = sorted(totals, key=lambda value: -totals[value])
    shown = ordered if len(ordered) <= _MOST_VALUES else ordered[: _MOST_VALUES - 1]
    others = ordered[len(shown) :]
    lines = {value: [part["values"].get(value, 0) for part in found] for value in shown}
    if others:
        sums = [sum(part["values"].get(value, 0) for value in others) for part in found]
        lines[f"{len(others)} others"] = sums
    sizes = [sum(part["values"].values()) for part in found]
    rows = [
        [Cell(""), Cell(value), *(_share(n, size) for n, size in zip(line, sizes, strict=True))]
        for value, line in lines.items()
    ]
    return _named(name, rows + _missing(found))


def _named(name: str, rows: list[list[Cell]]) -> list[list[Cell]]:
    return [[Cell(plain(name)), *row[1:]] if row is rows[0] else row for row in rows]


def _share(images: int, of: int) -> Cell:
    return number(count(images), percent(images / of) if of else "")


def _missing(found: list[dict[str, Any]]) -> list[list[Cell]]:
    numbers = [part["missing"] for part in found]
    if not any(numbers):
        return []
    return [[Cell(""), Cell("missing"), *(number(count(n)) for n in numbers)]]
