"""Figures of a search: the trials in their order, and the scores by the values of each setting."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from twinlens.evaluation.metrics import METRICS
from twinlens.records.tuning import Trial, TuningResults
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, NARROW, PALETTE, WIDE, Legend, Mark
from twinlens.reporting.figures.values import show_value
from twinlens.reporting.formatting import decimal, metric_words
from twinlens.reporting.tables.tables import value_words
from twinlens.settings.search import Choices

HEIGHT = 190
_FINISHED, _PRUNED = Mark(PALETTE[1], "o"), Mark(MUTED, "X")
_OWN, _BEST = Mark(PALETTE[0], linestyle="--"), Mark(PALETTE[2], linestyle="-")
LEGEND: Legend = [(_FINISHED, "trial"), (_PRUNED, "pruned"), (_OWN, "own settings")]
HISTORY_LEGEND: Legend = [*LEGEND, (_BEST, "best so far")]


def scored(results: TuningResults) -> list[Trial]:
    """Return the trials that have a score."""
    return [trial for trial in results.trials if trial.mean is not None]


def history_panel(results: TuningResults) -> Panel | None:
    """Draw the mean score of each trial in their order, and the best so far; None without any."""
    trials = scored(results)
    if not trials:
        return None
    finished = [trial for trial in trials if trial.state == "finished"]
    sign = METRICS[results.search.metric].sign

    def paint(axes: Axes) -> None:
        for trial in trials:
            _mark(axes, trial.number, trial)
        if finished:
            best = sign * np.maximum.accumulate([sign * (trial.mean or 0) for trial in finished])
            numbers = [trial.number for trial in finished]
            axes.step(numbers, best, where="post", color=_BEST.colour, linewidth=1.4)
        _finish(axes, results)
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set_ylabel(metric_words(results.search.metric))

    words = "; ".join(f"trial {trial.number}: {decimal(trial.mean)}" for trial in trials)
    return Panel("", Frame(WIDE, HEIGHT), paint, f"Mean score of each trial. {words}.")


def setting_panels(results: TuningResults) -> list[Panel]:
    """Draw the scores of the trials against their values of each setting, a panel a setting."""
    return [_setting(results, key) for key in results.search.space] if scored(results) else []


def _setting(results: TuningResults, key: str) -> Panel:
    candidates, trials = results.search.space[key], scored(results)
    names = [value_words(v) for v in candidates.root] if isinstance(candidates, Choices) else []

    def place(trial: Trial) -> float:
        value = trial.values[key]
        if names:
            return float(names.index(value_words(value)))
        assert isinstance(value, int | float)
        return float(value)

    def paint(axes: Axes) -> None:
        for trial in trials:
            _mark(axes, place(trial), trial)
        _finish(axes, results)
        if isinstance(candidates, Choices):
            axes.set_xticks(range(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
            return
        low, high = candidates.low, candidates.high
        if candidates.log:
            axes.set_xscale("log")
        ticks = np.geomspace(low, high, 3) if candidates.log else np.linspace(low, high, 3)
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())

    return Panel(key, Frame(NARROW, HEIGHT), paint, _words(results.search.metric, key, trials))


def _words(metric: str, key: str, trials: Sequence[Trial]) -> str:
    pairs = "; ".join(
        f"{value_words(trial.values[key])}: {decimal(trial.mean)}" for trial in trials
    )
    return f"{metric_words(metric)} by {key}. {pairs}."


def _mark(axes: Axes, x: float, trial: Trial) -> None:
    assert trial.mean is not None
    mark = _FINISHED if trial.state == "finished" else _PRUNED
    drawn = axes.plot(x, trial.mean, mark.marker, color=mark.colour, markersize=6.5, alpha=0.8,
                      markeredgewidth=0)  # fmt: skip
    show_value(drawn, f"trial {trial.number}: {decimal(trial.mean)}")


def _finish(axes: Axes, results: TuningResults) -> None:
    if results.own.mean is not None:
        axes.axhline(results.own.mean, color=_OWN.colour, linestyle="--", linewidth=1.2)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.margins(y=0.12)
