"""What is in each part of a split, as tables and a figure."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from twinlens.data.splits import NO_LABEL
from twinlens.data.table import SPLITS
from twinlens.records.dataset import ClassInfo
from twinlens.records.split_audit import CategoricalAttribute, NumericAttribute, PartComposition
from twinlens.reporting.figures.lanes import LABEL_PX, lane_label, set_up_lanes
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import BOTTOM, PALETTE, PAPER, RULE, WIDE, Legend, Mark
from twinlens.reporting.formatting import MISSING, count, decimal, percent, plain
from twinlens.reporting.tables.tables import Cell, Table, number

_MAX_VALUES = 8  # lines of an attribute, rare values summed in the last

Composition = Mapping[str, PartComposition]
"""By part of a split."""


def class_colours(classes: list[str], class_info: Mapping[str, ClassInfo]) -> dict[str, str]:
    """Return the colour of each class: its own, or one of the palette."""
    return {
        name: class_info.get(name, ClassInfo()).colour or PALETTE[1 + i % (len(PALETTE) - 1)]
        for i, name in enumerate(classes)
    } | {NO_LABEL: RULE}


def class_legend(composition: Composition, colours: dict[str, str]) -> Legend:
    """Return a legend of the classes that have images."""
    present = {name for part in composition.values() for name, n in part.classes.items() if n}
    return [(Mark(colours[name], "s"), name) for name in colours if name in present]


def class_panel(composition: Composition, colours: dict[str, str]) -> Panel:
    """Draw each part of a split as a bar of its classes, in their colours."""
    parts = [part for part in SPLITS if composition[part].images]
    lane = LABEL_PX + 22

    def paint(axes: Axes) -> None:
        set_up_lanes(axes, height=lane * len(parts))
        axes.set_xlim(-1, 103)  # room for the last tick's label
        axes.set_xlabel("per cent of the part's images")
        for position, part in enumerate(parts):
            images, left = composition[part].images, 0.0
            lane_label(axes, lane * position, f"{part} · {count(images)} images")
            for label, colour in colours.items():
                share = 100 * composition[part].classes.get(label, 0) / images
                axes.barh(lane * position + LABEL_PX + 8, share, 14, left, color=colour,
                          edgecolor=PAPER, linewidth=0.6)  # fmt: skip
                left += share

    height = lane * len(parts) + BOTTOM + 2
    frame = Frame(WIDE, height, left=8, top=2)
    return Panel("", frame, paint, _alternative_text(composition, parts))


def _alternative_text(composition: Composition, parts: list[str]) -> str:
    sentences = []
    for part in parts:
        images, classes = composition[part].images, composition[part].classes
        shares = ", ".join(f"{name} {percent(n / images)}" for name, n in classes.items() if n)
        sentences.append(f"{part}: {shares}")
    return "Classes by part. " + "; ".join(sentences)


def attributes_table(composition: Composition) -> Table:
    """Return groups, and what else is known about the images, by part."""
    groups = [number(count(composition[part].groups)) for part in SPLITS]
    largest = [number(count(composition[part].largest_group)) for part in SPLITS]
    rows = [
        [Cell("groups"), Cell("number"), *groups],
        [Cell(""), Cell("images of the largest"), *largest],
    ]
    for name in composition[SPLITS[0]].attributes:
        described = [composition[part].attributes[name] for part in SPLITS]
        numeric = [part for part in described if isinstance(part, NumericAttribute)]
        categorical = [part for part in described if isinstance(part, CategoricalAttribute)]
        lines = [_moments(numeric)] if numeric else _frequencies(categorical)
        missing = [part.missing for part in described]
        if any(missing):
            lines.append([Cell("missing"), *(number(count(n)) for n in missing)])
        names = [plain(name)] + [""] * (len(lines) - 1)
        rows += [[Cell(text), *line] for text, line in zip(names, lines, strict=True)]
    return Table([Cell("Attribute"), Cell("Value"), *(number(part) for part in SPLITS)], rows)


def _moments(parts: Sequence[NumericAttribute]) -> list[Cell]:
    """Return mean and standard deviation by part."""
    texts = [
        MISSING
        if part.mean is None
        else f"{decimal(part.mean, digits=1)} ± {decimal(part.sd, digits=1)}"
        for part in parts
    ]
    return [Cell("mean ± sd"), *map(number, texts)]


def _frequencies(parts: Sequence[CategoricalAttribute]) -> list[list[Cell]]:
    """Return one line per value, most frequent first, with the images by part; rare ones summed."""
    table = pd.DataFrame([part.counts for part in parts]).fillna(0).T
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    if len(table) > _MAX_VALUES:
        rare = table.iloc[_MAX_VALUES - 1 :]
        table = table.iloc[: _MAX_VALUES - 1]
        table.loc[f"{len(rare)} others"] = rare.sum()
    totals = [sum(part.counts.values()) for part in parts]
    return [
        [
            Cell(str(value)),
            *(
                number(count(n), percent(n / total) if total else "")
                for n, total in zip(line, totals, strict=True)
            ),
        ]
        for value, line in zip(table.index, table.to_numpy(), strict=True)
    ]
