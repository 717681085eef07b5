"""The framework drawn with what was really run: from initial weights to the test, an arm a line.

What neighbouring arms share is one box across their lines (the paper's Figure 3).
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import INK, MUTED, PAPER, colour, marker
from twinlens.reporting.formatting import count, method_title, plain, plural, scientific
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy

Settings = dict[str, Any]

_COLUMNS = {  # title and width in pixels
    "start": ("initial weights", 112),
    "pretraining": ("pretraining, no labels", 164),
    "head": ("head", 128),
    "all": ("all layers", 142),
    "test": ("test", 112),
}
_NAMES, _GAP, _HEAD, _LINE = 162, 20, 22, 13.5
_SMALL, _LETTER = 9.5, 5.7  # size of a box's text, and about the width of its letters


@dataclass(frozen=True)
class Box:
    """A stage: what it is, how it was run, and what tells it from others that look the same."""

    title: str
    lines: tuple[str, ...] = ()
    identity: str = ""


@dataclass(frozen=True)
class Lane:
    """An arm's way through the columns; a stage that it does not have is missing."""

    arm: str
    boxes: dict[str, Box]


def framework_panel(study: StoredStudy) -> Panel | None:
    """Draw what every arm went through, or nothing where no training is stored."""
    lanes = [lane for arm in study.arms if (lane := _lane(study, arm))]
    if not lanes:
        return None
    lanes = _neighbours(lanes)
    columns = [name for name in _COLUMNS if any(name in lane.boxes for lane in lanes)]
    places, width = _places(columns)
    pitch = _pitch(study, lanes)

    def paint(axes: Axes) -> None:
        axes.set(xlim=(0, width + 1), ylim=(_HEAD + pitch * len(lanes), 0))
        axes.axis("off")
        for name, (left, across) in places.items():
            _write(axes, left + across / 2, _HEAD / 2, _COLUMNS[name][0], color=MUTED)
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
    for name in _COLUMNS:
        lines += [(1 + len(b.lines)) / (last + 1 - at) for at, last, b in _shared(lanes, name)]
    return 14 + _LINE * max(lines)


def _places(columns: Sequence[str]) -> tuple[dict[str, tuple[float, float]], float]:
    """Return left edge and width of each column, and the width of all."""
    places: dict[str, tuple[float, float]] = {}
    left = _NAMES + _GAP
    for name in columns:
        places[name] = (left, _COLUMNS[name][1])
        left += _COLUMNS[name][1] + _GAP
    return places, left - _GAP


def _neighbours(lanes: Sequence[Lane]) -> list[Lane]:
    """Order lanes so that those which begin alike stand together, else as they come."""

    def places(lane: Lane) -> list[int]:
        ways = [[other.boxes.get(name) for name in _COLUMNS] for other in lanes]
        own = [lane.boxes.get(name) for name in _COLUMNS]
        return [[way[:n] for way in ways].index(own[:n]) for n in range(1, len(own))]

    return sorted(lanes, key=places)


def _shared(lanes: Sequence[Lane], column: str) -> list[tuple[int, int, Box]]:
    """Return first row, last row and box of a column's stages, equal neighbours as one."""
    found = []
    for box, rows in groupby(range(len(lanes)), lambda row: lanes[row].boxes.get(column)):
        at = list(rows)
        if box:
            found.append((at[0], at[-1], box))
    return found


def _lane(study: StoredStudy, arm: str) -> Lane | None:
    """Return an arm's steps at the largest label fraction, in the words of its stored runs."""
    label_fraction = study.label_fractions[0] if study.label_fractions else None
    runs = study.runs_of("train", arm=arm, label_fraction=label_fraction)
    if not runs:
        return None
    config = runs[0].config
    if runs[0].external:
        name = Path(str(config.get("predictions"))).name
        return Lane(arm, {"start": Box("another tool"), "test": Box("its predictions", (name,))})
    boxes = {
        "start": Box(_weights(config), (str(config.get("encoder")),)),
        "pretraining": _pretraining(study.runs_of("pretrain", arm=arm), config),
        "head": _head(config),
        "all": _all_layers(runs),
        "test": _test(study, config),
    }
    return Lane(arm, {name: box for name, box in boxes.items() if box})


def _weights(config: Settings) -> str:
    name = Path(str(config.get("weights", "unknown"))).name
    return name if "." in name else plain(name)


def _pretraining(runs: Sequence[StoredRun], config: Settings) -> Box | None:
    """Describe an arm's pretraining by its runs, or by what the training says of it."""
    settings = runs[0].config if runs else config.get("pretrained")
    if not settings:
        return None
    images = runs[0].info.get("images") if runs else None
    lines = [f"{count(images)} images"] if images else []
    if runs and runs[0].transductive:
        lines.append("test images among them")
    lines += [_epochs(settings), *_rates(runs)]
    return Box(method_title(settings["method"]), tuple(lines), runs[0].name if runs else "")


def _head(config: Settings) -> Box | None:
    if config.get("tuning") == "linear_probe":
        return Box("logistic regression", ("encoder frozen",))
    if config.get("tuning") != "head_then_full" or not config.get("head_epochs"):
        return None
    name = {"mlp": "MLP"}.get(config.get("head", ""), "linear")
    rate = scientific(config.get("head_lr"))
    lines = (plural(config["head_epochs"], "epoch"), f"LR {rate}", "encoder frozen")
    return Box(f"{name} head", lines)


def _all_layers(runs: Sequence[StoredRun]) -> Box | None:
    config = runs[0].config
    if config.get("tuning") == "linear_probe":
        return None
    balance = {"loss": ("classes weighted",), "sampler": ("classes drawn equally",)}
    lines = (*_rates(runs), *balance.get(config.get("class_balance", ""), ()))
    return Box(_epochs(config), lines)


def _epochs(config: Settings) -> str:
    return plural(config["epochs"], "epoch") if "epochs" in config else "epochs unknown"


def _rates(runs: Sequence[StoredRun]) -> list[str]:
    """Say which learning rates the seeds' one-cycle climbed to."""
    rates = [run.lr_finder.suggestion for run in runs if run.lr_finder]
    if not rates:
        return []
    low, high = scientific(min(rates)), scientific(max(rates))
    found = (
        ", found" if any(run.lr_finder and run.lr_finder.how == "valley" for run in runs) else ""
    )
    return [f"LR {low}{found}"] if low == high else [f"LR {low}", f"to {high}{found}"]


def _test(study: StoredStudy, config: Settings) -> Box:
    views, clean = config.get("tta") or 1, config.get("tta_clean", True)
    drawn = f"{views - 1 if clean else views} drawn"
    how = drawn if not clean else f"image + {drawn}" if views > 1 else "the image"
    images = sum((study.data.get("counts") or {}).get("test", {}).values())
    title = f"mean of {views} views" if views > 1 else "one view"
    return Box(title, (how, *([f"{count(images)} images"] if images else [])))


def _draw_lane(
    axes: Axes, study: StoredStudy, lane: Lane, y: float, places: dict[str, tuple[float, float]]
) -> None:
    """Write an arm's name, and draw its line to the test; the boxes will lie on it."""
    index = study.arms.index(lane.arm)
    axes.plot(8, y, marker(index), color=colour(index), markersize=8, markeredgewidth=0)
    axes.text(
        20,
        y,
        "\n".join(_name(study, lane)),
        va="center",
        color=INK,
        fontsize=10.5,
        linespacing=1.25,
    )
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
    round_corners = "round,pad=0,rounding_size=3"
    axes.add_patch(
        FancyBboxPatch(
            (left, top),
            width,
            height,
            boxstyle=round_corners,
            facecolor=PAPER,
            edgecolor=MUTED,
            linewidth=0.9,
            zorder=3,
        )
    )
    lines = [_cut(box.title, width / 1.1), *(_cut(line, width) for line in box.lines)]  # bold
    y = top + (height - _LINE * (len(lines) - 1)) / 2
    for number, line in enumerate(lines):
        ink = {"color": MUTED} if number else {"color": INK, "fontweight": "bold"}
        _write(axes, left + width / 2, y + _LINE * number, line, **ink)


def _cut(text: str, width: float) -> str:
    room = int((width - 6) / _LETTER)
    return text if len(text) <= room else f"{text[: room // 2 - 1]}…{text[-(room - room // 2) :]}"


def _write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=_SMALL, zorder=4, **style)


def _in_words(study: StoredStudy, lanes: Sequence[Lane]) -> str:
    ways = []
    for lane in lanes:
        steps = [
            f"{_COLUMNS[name][0]}: {', '.join([box.title, *box.lines])}"
            for name, box in lane.boxes.items()
        ]
        ways.append(f"{study.arm_title(lane.arm)}: {'; '.join(steps)}")
    return f"What was run. {'. '.join(ways)}."
