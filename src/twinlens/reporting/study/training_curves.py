"""Figures of the training: learning-rate search, schedule, losses."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import (
    INK,
    MUTED,
    NARROW,
    PALETTE,
    PAPER,
    WIDE,
    Legend,
    Mark,
    arm_mark,
    colour,
    marker,
)
from twinlens.reporting.formatting import listing, method_title, plain, scientific, tick
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.arm_runs import ArmRuns, has_history, having

_POINTS = 220  # a curve is averaged down to about this many points, to fewer among many panels
HEIGHT = 190
_NOT_LOSSES = {"step", "lr", "momentum", "seconds"}
_TITLES = {"pretrain": "Pretraining", "train": "Fine-tuning"}


def lr_finder_panels(arms: Sequence[ArmRuns]) -> list[Panel]:
    """Draw the learning-rate search of every run, a panel an arm."""
    searched = having(arms, lambda run: run.lr_finder and run.lr_finder.lrs)
    return [_lr_finder(arm, width=_width(searched)) for arm in searched]


def _lr_finder(arm: ArmRuns, *, width: float) -> Panel:
    index = arm.index

    def paint(axes: Axes) -> None:
        lows, starts = [], []
        for run in arm.runs:
            if run.lr_finder is None:
                continue
            curve, rates = np.array(run.lr_finder.smoothed), np.array(run.lr_finder.lrs)
            axes.plot(rates, curve, color=colour(index), linewidth=1.4, alpha=0.75)
            at = int(np.argmin(np.abs(np.log(rates / run.lr_finder.suggestion))))
            axes.plot(rates[at], curve[at], marker(index), color=colour(index), markersize=9,
                      markeredgecolor=PAPER, zorder=3)  # fmt: skip
            lows.append(np.nanmin(curve))
            starts.append(np.nanmax(curve[: len(curve) // 2 + 1]))
        margin = max(max(starts) - min(lows), 1e-6)
        axes.set_ylim(min(lows) - 0.15 * margin, max(starts) + 0.35 * margin)
        axes.set_xscale("log")
        log_ticks(axes.xaxis, 1e-7, 1.0)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("smoothed loss")
        axes.grid(axis="y")

    rates = listing([scientific(run.lr_finder.suggestion) for run in arm.runs if run.lr_finder])
    label = f"Learning-rate search{arm.of}: taken {rates}."
    notes = [
        f"Seed {run.seed}: {run.lr_finder.message}"
        for run in arm.runs
        if run.lr_finder and run.lr_finder.how != "valley"
    ]
    frame = Frame(width, HEIGHT)
    return Panel(arm.title, frame, paint, label, " ".join(notes), arm_mark(index))


def schedule_panels(arms: Sequence[ArmRuns]) -> list[Panel]:
    """Draw learning rate and momentum against the step, as they were run."""
    panels = []
    for kind in dict.fromkeys(arm.kind for arm in arms):
        recorded = having([arm for arm in arms if arm.kind == kind], has_history)
        for column, title in (("lr", "learning rate"), ("momentum", "momentum")):
            if recorded:
                panels.append(_schedule(recorded, column, title))
    return panels


def _schedule(arms: Sequence[ArmRuns], column: str, title: str) -> Panel:
    def paint(axes: Axes) -> None:
        for run, index in ((run, arm.index) for arm in arms for run in arm.runs):
            history = _thinned(run)
            for _, phase in history.groupby("phase", sort=False):
                axes.plot(phase["at"], phase[column], color=colour(index), lw=1.4, alpha=0.75)
        phase_marks(axes, arms[0].runs[0])
        step_axis(axes)
        axes.margins(y=0.12)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.grid(axis="y")

    heading = f"{_TITLES[arms[0].kind]}: {title}"
    return Panel(heading, Frame(WIDE, HEIGHT, top=16), paint, f"{heading} against the step.")


def loss_panels(arms: Sequence[ArmRuns]) -> list[Panel]:
    """Draw the loss of every run, with its terms, a panel an arm."""
    recorded = having(arms, has_history)
    columns = loss_columns(arms)
    return [_losses(arm, columns, recorded) for arm in recorded]


def loss_columns(arms: Sequence[ArmRuns]) -> dict[str, str]:
    """Return the columns of the histories that hold the loss and its terms, with their colours.

    They are all the numeric columns beside the step, the schedule and the time. The floor is drawn
    as a dashed line.
    """
    columns = ["loss"]
    for run in (run for arm in arms for run in arm.runs):
        if run.history is not None:
            numeric = run.history.select_dtypes("number").columns
            columns += [c for c in numeric if c not in _NOT_LOSSES and c not in columns]
    terms = [column for column in columns if column not in ("loss", "floor")]
    colours = {"loss": INK, "floor": MUTED}
    colours |= {term: PALETTE[1 + i % (len(PALETTE) - 1)] for i, term in enumerate(terms)}
    return {column: colours[column] for column in columns}


def loss_legend(columns: dict[str, str]) -> Legend:
    """Return a legend of the loss and its terms."""
    return [
        (Mark(colour, linestyle="--" if name == "floor" else "-"), plain(name))
        for name, colour in columns.items()
    ]


def _losses(arm: ArmRuns, columns: dict[str, str], beside: Sequence[ArmRuns]) -> Panel:
    points = min(_POINTS, max(80, 1000 // len(beside)))

    def paint(axes: Axes) -> None:
        drawn: list[float] = []
        for run in arm.runs:
            history = _thinned(run, points)
            for column in [c for c in columns if c in history]:
                values = history[column].where(np.isfinite(history[column]))
                drawn += values.dropna().tolist()
                axes.plot(history["at"], values, color=columns[column], alpha=0.75, linewidth=1.2,
                          linestyle="--" if column == "floor" else "-")  # fmt: skip
        phase_marks(axes, arm.runs[0])
        if len(columns) > 1 and min(drawn, default=0.0) > 0:
            axes.set_yscale("log")
            log_ticks(axes.yaxis, min(drawn), max(drawn))
        else:
            axes.set_ylim(bottom=min(0.0, min(drawn, default=0.0)))
        step_axis(axes)
        axes.set_ylabel("loss")
        axes.grid(axis="y")

    terms = [plain(column) for column in columns if column in _thinned(arm.runs[0])]
    label = f"Loss against the step{arm.of}: {listing(terms)}."
    note = f"Method: {method_title(arm.runs[0].method)}." if arm.kind == "pretrain" else ""
    frame = Frame(_width(beside), HEIGHT, top=16)
    return Panel(arm.title, frame, paint, label, note, arm_mark(arm.index))


def _width(panels: Sequence[object]) -> float:
    return WIDE if len(panels) <= 2 else NARROW


def _thinned(run: StoredRun, points: int = _POINTS) -> pd.DataFrame:
    """Return the history averaged over blocks of steps that do not cross phases."""
    assert run.history is not None
    history = run.history.assign(at=np.arange(1, len(run.history) + 1))
    block = np.arange(len(history)) * points // max(len(history), points)
    means = history.groupby([_phase_number(history), block]).mean(numeric_only=True)
    names = history["phase"].groupby(_phase_number(history)).first()
    return means.assign(phase=names.loc[means.index.get_level_values(0)].to_numpy())


def _phase_number(history: pd.DataFrame) -> "pd.Series[int]":
    begins = history["phase"] != history["phase"].shift()
    return begins.astype(int).cumsum().rename("number")


def phase_marks(axes: Axes, run: StoredRun) -> None:
    """Mark where the last phase begins, and name the phases above the frame."""
    assert run.history is not None
    phases = list(run.history["phase"].groupby(_phase_number(run.history), sort=False))
    end = 0
    for number, rows in phases:
        start, end = end, end + len(rows)
        last = number == len(phases)
        axes.annotate(
            plain(str(rows.iloc[0])).replace("one cycle", "one-cycle"),
            (start if last else end, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3 if last else -3, 1),
            textcoords="offset points",
            va="bottom",
            ha="left" if last else "right",
            fontsize=9.5,
            color=MUTED,
        )
        if not last:
            axes.axvline(end + 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))


def step_axis(axes: Axes) -> None:
    """Name and tick the horizontal axis that counts steps."""
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Label powers of ten, and 2 and 5 between them where the axis spans few."""
    subs = (1.0,) if high / low > 100 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axis.set_minor_locator(NullLocator())
