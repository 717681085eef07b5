"""Is a pretraining working? Curves of the monitored quantities, alarms, and how it ended."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import INK, MUTED, PALETTE, WIDE, Mark
from twinlens.reporting.formatting import decimal, listing
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.arm_runs import ArmRuns, has_history, having
from twinlens.reporting.study.training_curves import (
    HEIGHT,
    log_ticks,
    phase_marks,
    step_axis,
)
from twinlens.reporting.tables.tables import Table, key_column, make_table

CURVES = {
    "Probes": ("balanced accuracy", {"linear_probe": "linear", "knn_probe": "kNN"}),
    "Effective rank": (
        "rank",
        {"feature_rank": "features", "embedding_rank": "embeddings", "lidar": "LiDAR"},
    ),
    "Decay of eigenvalues": ("alpha", {"alpha_req": "alpha-ReQ of the features"}),
    "Dispersion": (
        "relative dispersion",
        {"feature_dispersion": "features", "embedding_dispersion": "embeddings"},
    ),
    "Correlation of views": (
        "correlation",
        {"on_diagonal": "diagonal", "off_diagonal": "off-diagonal"},
    ),
}
"""Title of each panel, its vertical axis, and the columns that it shows with their names."""

_LINES = ((PALETTE[1], "-"), (PALETTE[2], "--"), (PALETTE[3], ":"))

LABEL_FREE: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "RankMe (effective rank)": lambda table: table["feature_rank"],
    "LiDAR": lambda table: table["lidar"],
    "alpha-ReQ (nearness to 1)": lambda table: -(table["alpha_req"] - 1).abs(),
}
"""Measures that need no labels, the larger the better, by the names that a table has for them."""

_FEWEST = 5  # evaluations whose order says something


def evaluations(run: StoredRun) -> pd.DataFrame:
    """Return the monitored quantities, one row per evaluation; missing values are NaN."""
    rows = run.monitor.evaluations if run.monitor else ()
    return pd.DataFrame([row.model_dump() for row in rows]).astype(float)


def before_and_after(run: StoredRun, column: str) -> tuple[float, float] | None:
    """Return a monitored quantity before the first step, and at the step whose weights are kept."""
    table = evaluations(run)
    if table.empty or column not in table or table[column].isna().any():
        return None
    kept = run.monitor.kept_step if run.monitor else None
    after = table if kept is None else table[table["step"] <= kept]
    return float(table[column].iloc[0]), float(after[column].iloc[-1])


def rank_correlations(run: StoredRun) -> Table | None:
    """Return how far measures without labels order the evaluations as the linear probe does.

    Evaluations of the frozen encoder, which are all the same but the last, do not count.

    Returns:
        A row for each measure; None where there are too few evaluations, or no probe.
    """
    table = evaluations(run)
    if run.pretraining is None or not _has(table, "linear_probe"):
        return None
    trained = table[table["epoch"] >= run.pretraining.settings.projector_epochs]
    rows = []
    for name, measure in LABEL_FREE.items():
        pair = pd.DataFrame({"probe": trained["linear_probe"], "measure": measure(trained)})
        pair = pair.dropna()
        if len(pair) >= _FEWEST and (pair.nunique() > 1).all():
            both = {
                m: float(pair["probe"].corr(pair["measure"], m)) for m in ("spearman", "kendall")
            }
            rows.append({"measure": name, "evaluations": len(pair), **both})
    columns = [
        key_column("Measure", "measure"),
        key_column("Evaluations", "evaluations", numeric=True),
        key_column("Spearman’s ρ", "spearman", partial(decimal, digits=2), numeric=True),
        key_column("Kendall’s τ", "kendall", partial(decimal, digits=2), numeric=True),
    ]
    return make_table(rows, columns, name="rank_correlations") if rows else None


def alarms(run: StoredRun) -> list[tuple[int, str]]:
    """Return the step and the message of every alarm."""
    return [(alarm.step, alarm.message) for alarm in (run.monitor.alarms if run.monitor else ())]


def ending(run: StoredRun) -> list[str]:
    """Return sentences on how a pretraining ended: whether early, and which weights are kept."""
    record = run.pretraining
    if record is None:
        return []
    kept = "the last step" if record.kept == "last" else record.kept
    return [*filter(None, [record.stopped, f"The weights kept are those of {kept}."])]


def monitor_panels(arm: ArmRuns) -> list[Panel]:
    """Draw the monitored quantities of a pretraining against the step, one line per seed."""
    watched = next(iter(having([arm], lambda run: not evaluations(run).empty)), None)
    if watched is None:
        return []
    tables = [evaluations(run) for run in watched.runs]
    panels = []
    for title, (axis, columns) in CURVES.items():
        known = {c: name for c, name in columns.items() if any(_has(t, c) for t in tables)}
        if known:
            panels.append(_panel(watched, title, axis, known))
    return panels


def _has(table: pd.DataFrame, column: str) -> bool:
    return column in table and bool(table[column].notna().any())


def _panel(arm: ArmRuns, title: str, axis: str, columns: Mapping[str, str]) -> Panel:
    lines = dict(zip(columns, _LINES, strict=False))

    def paint(axes: Axes) -> None:
        for run in arm.runs:
            table = evaluations(run)
            for column, (colour, dashes) in lines.items():
                if _has(table, column):
                    axes.plot(table["step"], table[column], dashes, color=colour, linewidth=1.4,
                              marker="o", markersize=2.8, alpha=0.8)  # fmt: skip
        _vertical_axis(axes, title, arm.runs[0])
        axes.set_ylabel(axis)
        axes.grid(axis="y")
        step_axis(axes)
        if has_history(arm.runs[0]):
            phase_marks(axes, arm.runs[0])
        for step in {step for run in arm.runs for step, _ in alarms(run)}:
            axes.axvline(step, color=INK, linewidth=1.1)
            axes.plot(step, 0.97, "v", color=INK, markersize=7, clip_on=False,
                      transform=axes.get_xaxis_transform())  # fmt: skip

    legend = [(Mark(colour, linestyle=dashes), columns[c]) for c, (colour, dashes) in lines.items()]
    frame = Frame(WIDE, HEIGHT, top=16)
    return Panel(title, frame, paint, _alternative_text(arm, title, columns), legend=legend)


def _vertical_axis(axes: Axes, title: str, run: StoredRun) -> None:
    """Set limits that show how far a curve is from chance, from collapse, or from its ideal."""
    if title == "Effective rank":
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.9), high)
        log_ticks(axes.yaxis, *axes.get_ylim())
        return
    classes = run.monitor.probe.classes if run.monitor and run.monitor.probe else None
    if title == "Probes" and classes:
        axes.axhline(1 / classes, color=MUTED, linewidth=1, linestyle=":")
        axes.annotate("chance", (1, 1 / classes), xycoords=("axes fraction", "data"),
                      xytext=(0, -2), textcoords="offset points", ha="right", va="top",
                      fontsize=9.5, color=MUTED)  # fmt: skip
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), high + 0.04 * (high - low))


def _alternative_text(arm: ArmRuns, title: str, columns: Mapping[str, str]) -> str:
    """Describe where the curves of the first seed begin and end, and where alarms were raised."""
    run = arm.runs[0]
    table: dict[str, Any] = {
        c: evaluations(run)[c].dropna() for c in columns if _has(evaluations(run), c)
    }
    parts = [
        f"{columns[c]} from {decimal(values.iloc[0])} to {decimal(values.iloc[-1])}"
        for c, values in table.items()
    ]
    steps = [str(step) for run in arm.runs for step, _ in alarms(run)]
    parts += [f"alarm at step {listing(steps)}"] if steps else []
    return f"{title} against the step{arm.of}: {', '.join(parts)}."
