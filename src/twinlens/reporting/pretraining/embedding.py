"""What a pretraining did to the encoder's features: a map, and nearest neighbours."""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from PIL import Image

from twinlens.data.splits import NO_LABEL
from twinlens.reporting.audit.composition import class_colours
from twinlens.reporting.figures.svg import (
    MUTED,
    PALETTE,
    RULE,
    WIDE,
    Drawing,
    Panel,
    draw,
    marker,
    swatch,
)
from twinlens.reporting.formatting import count
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.training_curves import ArmRuns

_DOTS = 1000  # images on a map; more would hide each other and weigh on the page
_WHEN = {"before": "Before pretraining", "after": "After pretraining"}

Legend = list[tuple[Markup, str]]


@dataclass(frozen=True)
class Shot:
    """A small picture of an image, its id and label, and whether that is the query's own."""

    uri: str
    name: str
    label: str
    own: bool = False


@dataclass(frozen=True)
class Neighbours:
    """An image, and those nearest to it before and after pretraining."""

    query: Shot
    before: list[Shot]
    after: list[Shot]

    @property
    def size(self) -> int:
        """Characters that its pictures add to a page."""
        return sum(len(shot.uri) for shot in (self.query, *self.before, *self.after))


def map_panels(arm: ArmRuns) -> tuple[list[Panel], Legend]:
    """Draw the map of the embedding of the first run, before and after, with a legend of classes.

    Both panels show the same images. Without labels there is one colour and no legend.
    """
    run = arm.runs[0]
    if run.embedding is None or run.embedding.empty:
        return [], []
    table = _sample(run.embedding)
    labels = table["label"].fillna(NO_LABEL)
    marks = _class_marks(run, set(labels))
    panels = [
        Panel(_WHEN[when], _map(table, labels, marks, when, arm), _images_shown(run.embedding))
        for when in _WHEN
    ]
    legend: Legend = [(swatch(index, colour), label) for label, (index, colour) in marks.items()]
    return panels, legend if len(legend) > 1 else []


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows evenly spaced over a table, as it may be sorted by class."""
    rows = np.linspace(0, len(table) - 1, min(len(table), _DOTS)).round().astype(int)
    return table.iloc[rows]


def _images_shown(table: pd.DataFrame) -> str:
    if len(table) <= _DOTS:
        return ""
    return f"{count(_DOTS)} of the {count(len(table))} images on the map."


def _class_marks(run: StoredRun, labels: set[str]) -> dict[str, tuple[int, str]]:
    """Return (index of the marker, colour) of the labels that are there, in their known order."""
    if labels == {NO_LABEL}:
        return {NO_LABEL: (0, PALETTE[1])}
    known = [*run.data.get("classes", [])]
    classes = [*known, *sorted(labels - {*known, NO_LABEL})]
    colours = class_colours(classes, run.data.get("class_info") or {})
    marks = {label: (index, colours[label]) for index, label in enumerate(classes, 1)}
    return {
        label: mark
        for label, mark in (marks | {NO_LABEL: (0, colours[NO_LABEL])}).items()
        if label in labels
    }


def _map(
    table: pd.DataFrame,
    labels: "pd.Series[str]",
    marks: dict[str, tuple[int, str]],
    when: str,
    arm: ArmRuns,
) -> Drawing:
    often = labels.value_counts()

    def paint(axes: Axes) -> None:
        # Frequent classes first, so that rare ones lie on top; images without a label below all.
        for label in sorted(marks, key=lambda label: (label != NO_LABEL, -often[label])):
            index, colour = marks[label]
            dots = table[labels == label]
            axes.plot(dots[f"{when}_x"], dots[f"{when}_y"], marker(index), color=colour,
                      markersize=4.4, markeredgecolor=MUTED, markeredgewidth=0.4)  # fmt: skip
        axes.set_aspect("equal", "datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(RULE)

    counts = ", ".join(f"{label} {count(often[label])}" for label in marks)
    return draw(
        paint,
        width=WIDE,
        height=0.8 * WIDE,
        left=1,
        top=2,
        bottom=4,
        name=f"map-{when}-{arm.index}",
        label=f"Map of the embedding {when} pretraining{arm.of}. Images by class: {counts}.",
    )


def nearest_neighbours(run: StoredRun) -> list[Neighbours]:
    """Return some images with those nearest to them before and after, as small pictures."""
    stored = run.neighbours or {}
    rows = stored.get("rows") or []
    columns = 1 + 2 * stored.get("across", 0)
    cells = _cells(run.folder / "neighbours.png", stored.get("side", 0), columns, len(rows))
    return [_row(row, line, stored["across"]) for row, line in zip(rows, cells, strict=False)]


def same_class(rows: Sequence[Neighbours]) -> tuple[int, int, int] | None:
    """Return how many neighbours are of their query's class before and after, of how many."""
    labelled = [row for row in rows if row.query.label != NO_LABEL]
    before, after = (
        [shot.own for row in labelled for shot in getattr(row, when)] for when in _WHEN
    )
    return (sum(before), sum(after), len(after)) if after else None


def _cells(path: Path, side: int, columns: int, lines: int) -> list[list[str]]:
    """Cut a picture of images with gaps between them; nothing if it is not that picture."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except OSError:  # missing, or no picture
        return []
    pitch = (picture.width - side) // max(columns - 1, 1)
    wanted = ((columns - 1) * pitch + side, (lines - 1) * pitch + side)
    if not 0 < side <= pitch or picture.size != wanted:
        return []
    corners = [[(x * pitch, y * pitch) for x in range(columns)] for y in range(lines)]
    return [[_uri(picture.crop((x, y, x + side, y + side))) for x, y in row] for row in corners]


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()


def _row(row: dict[str, Any], cells: list[str], across: int) -> Neighbours:
    label = row["label"]

    def shots(when: str, uris: list[str]) -> list[Shot]:
        return [
            Shot(uri, near["id"], near["label"] or NO_LABEL, bool(label) and near["label"] == label)
            for near, uri in zip(row[when], uris, strict=False)
        ]

    return Neighbours(
        Shot(cells[0], row["id"], label or NO_LABEL),
        shots("before", cells[1 : 1 + across]),
        shots("after", cells[1 + across :]),
    )
