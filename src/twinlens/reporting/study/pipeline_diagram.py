"""Diagram of what was run, from initial weights to the test, one line per arm.

What neighbouring arms share is one box across their lines (the paper's Figure 3).
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import INK, MUTED, PAPER, colour, marker
from twinlens.reporting.formatting import plain, scientific
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.rendering import text_environment
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.training_words import CLASS_BALANCE, extras

_STAGES: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)
_NAMES, _GAP, _HEAD, _LINE = 162, 20, 22, 13.5
_SMALL, _LETTER = 9.5, 5.7  # size of a box's text, and about the width of its letters


@dataclass(frozen=True)
class Box:
    """A stage: title, lines, and what distinguishes it from others of the same text."""

    title: str
    lines: tuple[str, ...] = ()
    identity: str = ""


@dataclass(frozen=True)
class Lane:
    """The stages of an arm by column; those that it skips are missing."""

    arm: str
    boxes: dict[str, Box]


def framework_panel(study: StoredStudy) -> Panel | None:
    """Draw the stages of every arm; nothing where no training is stored."""
    lanes = [lane for arm in study.arms if (lane := _lane(study, arm))]
    if not lanes:
        return None
    lanes = _neighbours(lanes)
    columns = [name for name in _STAGES if any(name in lane.boxes for lane in lanes)]
    places = _places(columns)
    width = sum(places[columns[-1]])
    pitch = _pitch(study, lanes)

    def paint(axes: Axes) -> None:
        axes.set(xlim=(0, width + 1), ylim=(_HEAD + pitch * len(lanes), 0))
        axes.axis("off")
        for name, (left, across) in places.items():
            _write(axes, left + across / 2, _HEAD / 2, _STAGES[name]["title"], color=MUTED)
        for row, lane in enumerate(lanes):
            _draw_lane(axes, study, lane, _HEAD + pitch * (row + 0.5), places)
        for name in columns:
            for first, last, box in _shared(lanes, name):
                left, across = places[name]
                top, down = _HEAD + pitch * first + 3, pitch * (last + 1 - first) - 6
                draw_box(axes, box, left, top, across, down)

    frame = Frame(width + 9, _HEAD + pitch * len(lanes), 0, 0, 0)
    return Panel("", frame, paint, _in_words(study, lanes))


def _pitch(study: StoredStudy, lanes: Sequence[Lane]) -> float:
    """Return the height of a lane that has room for its name and for the boxes on it."""
    lines = [float(len(_name(study, lane))) for lane in lanes]
    for name in _STAGES:
        lines += [(1 + len(b.lines)) / (last + 1 - at) for at, last, b in _shared(lanes, name)]
    return 14 + _LINE * max(lines)


def _places(columns: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return left edge and width of each column."""
    widths = [_STAGES[name]["width"] for name in columns]
    lefts = [_NAMES + _GAP + sum(widths[:i]) + _GAP * i for i in range(len(widths))]
    return dict(zip(columns, zip(lefts, widths, strict=True), strict=True))


def _neighbours(lanes: Sequence[Lane]) -> list[Lane]:
    """Order lanes so that those which begin alike are adjacent, else as they come."""
    stages = {lane.arm: [lane.boxes.get(name) for name in _STAGES] for lane in lanes}

    def first_alike(lane: Lane) -> list[int]:
        """Return for each number of stages the first lane with the same ones so far."""
        numbers = range(1, len(_STAGES))
        return [[way[:n] for way in stages.values()].index(stages[lane.arm][:n]) for n in numbers]

    return sorted(lanes, key=first_alike)


def _shared(lanes: Sequence[Lane], column: str) -> list[tuple[int, int, Box]]:
    """Return first row, last row and box of a column's stages, equal neighbours as one."""
    groups = groupby(enumerate(lanes), lambda row: row[1].boxes.get(column))
    rows = [(box, [number for number, _ in group]) for box, group in groups]
    return [(numbers[0], numbers[-1], box) for box, numbers in rows if box]


def _lane(study: StoredStudy, arm: str) -> Lane | None:
    """Return an arm's stages at the largest label fraction, as its runs have stored them."""
    label_fraction = study.label_fractions[0] if study.label_fractions else None
    runs = study.runs_of("train", arm=arm, label_fraction=label_fraction)
    if not runs:
        return None
    values = _values(study, runs, study.runs_of("pretrain", arm=arm))
    boxes = {}
    for name, stage in _STAGES.items():
        text = text_environment().from_string(stage["box"]).render(values)
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            shared_run = values["pretraining_run"] if name == "pretraining" else ""
            boxes[name] = Box(lines[0], tuple(lines[1:]), shared_run)
    return Lane(arm, boxes)


def _values(
    study: StoredStudy, runs: Sequence[StoredRun], pretrainings: Sequence[StoredRun]
) -> dict[str, Any]:
    """Return what the templates of the boxes refer to."""
    record, first = runs[0].record, next(iter(pretrainings), None)
    training = runs[0].training
    before = first.pretraining if first else training and training.pretraining
    weights = Path(training.initial_weights.name).name if training else ""
    return {
        "encoder": training.encoder if training else "",
        "config": training.settings if training else None,
        "external": runs[0].external,
        "predictions": Path(record.request.file).name if record.kind == "predictions" else "",
        "weights": weights if "." in weights else plain(weights),
        "lr": _learning_rates(runs),
        "pretraining": before and before.settings,
        "pretraining_run": first.name if first else "",
        "pretraining_images": before.images if first and before else None,
        "pretraining_lr": _learning_rates(pretrainings),
        "transductive": first and first.transductive,
        "balance": CLASS_BALANCE[training.settings.class_balance][0] if training else "",
        "extras": [short for short, _ in extras(training.settings)] if training else [],
        "test_images": sum(study.counts.get("test", {}).values()),
    }


def _learning_rates(runs: Sequence[StoredRun]) -> str:
    """Return the peaks of the seeds' one-cycle schedules, on a line or two."""
    searches = [run.lr_finder for run in runs if run.lr_finder]
    if not searches:
        return ""
    rates = [search.suggestion for search in searches]
    low, high = scientific(min(rates)), scientific(max(rates))
    suffix = ", found" if any(search.how == "valley" for search in searches) else ""
    return f"LR {low}{suffix}" if low == high else f"LR {low}\nto {high}{suffix}"


def _draw_lane(
    axes: Axes, study: StoredStudy, lane: Lane, y: float, places: dict[str, tuple[float, float]]
) -> None:
    """Write an arm's name, and draw its line to the test; the boxes will lie on it."""
    index = study.arms.index(lane.arm)
    axes.plot(8, y, marker(index), color=colour(index), markersize=8, markeredgewidth=0)
    axes.text(20, y, "\n".join(_name(study, lane)), va="center", color=INK, fontsize=10.5,
              linespacing=1.25)  # fmt: skip
    last = [name for name in places if name in lane.boxes][-1]
    axes.plot([_NAMES, places[last][0]], [y, y], color=colour(index), linewidth=1.8)
    for name in lane.boxes:
        axes.plot(places[name][0] - 5, y, ">", color=colour(index), markersize=7, markeredgewidth=0)


def _name(study: StoredStudy, lane: Lane) -> list[str]:
    """Return an arm's name as lines, three at most."""
    lines = textwrap.wrap(study.arm_title(lane.arm), int((_NAMES - 20) / 6.2))
    return lines if len(lines) <= 3 else [*lines[:2], f"{lines[2][:-1]}…"]


def draw_box(axes: Axes, box: Box, left: float, top: float, width: float, height: float) -> None:
    """Draw a stage in axes that count pixels from the top, its words in the middle."""
    corners = "round,pad=0,rounding_size=3"
    axes.add_patch(
        FancyBboxPatch((left, top), width, height, boxstyle=corners, facecolor=PAPER,
                       edgecolor=MUTED, linewidth=0.9, zorder=3)
    )  # fmt: skip
    lines = [_cut(box.title, width / 1.1), *(_cut(line, width) for line in box.lines)]  # bold
    y = top + (height - _LINE * (len(lines) - 1)) / 2
    for number, line in enumerate(lines):
        ink = {"color": MUTED} if number else {"color": INK, "fontweight": "bold"}
        _write(axes, left + width / 2, y + _LINE * number, line, **ink)


def _cut(text: str, width: float) -> str:
    letters = int((width - 6) / _LETTER)
    half = letters // 2
    return text if len(text) <= letters else f"{text[: half - 1]}…{text[-(letters - half) :]}"


def _write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=_SMALL, zorder=4, **style)


def _in_words(study: StoredStudy, lanes: Sequence[Lane]) -> str:
    descriptions = []
    for lane in lanes:
        stages = [
            f"{_STAGES[name]['title']}: {', '.join([box.title, *box.lines])}"
            for name, box in lane.boxes.items()
        ]
        descriptions.append(f"{study.arm_title(lane.arm)}: {'; '.join(stages)}")
    return "\n".join(f"{description}." for description in descriptions)
