"""The page of a search of settings: ``tuning.json`` in, one self-contained HTML file out."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

from twinlens.evaluation.metrics import METRICS
from twinlens.files import write_text
from twinlens.records.tuning import FoldDifference, Trial, TuningResults
from twinlens.reporting.formatting import decimal, duration, interval, metric_title, share
from twinlens.reporting.rendering import render
from twinlens.reporting.tables.tables import (
    Column,
    Table,
    facts_table,
    key_column,
    make_table,
    number,
    value_words,
)
from twinlens.reporting.tuning.figures import (
    HISTORY_LEGEND,
    LEGEND,
    history_panel,
    setting_panels,
)
from twinlens.settings.search import Candidates, Choices, Value
from twinlens.study.tuning.best_study import BEST_STUDY
from twinlens.study.tuning.tune import RESULTS


def tuning_report(folder: Path) -> Path:
    """Write the page of a search from its stored results.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The results are damaged.
    """
    results = TuningResults.read(folder / RESULTS)
    write_text(folder / "report.html", render("tuning/page.html", **content(results, folder)))
    return folder / "report.html"


def content(results: TuningResults, folder: Path) -> dict[str, Any]:
    """Return what the template shows: words, tables and figures."""
    search, finished = results.search, [t for t in results.trials if t.state == "finished"]
    history = history_panel(results)
    return {
        "results": results,
        "search": search,
        "best": results.best_trial,
        "better": improved(results),
        "finished": len(finished),
        "pruned": sum(trial.state == "pruned" for trial in results.trials),
        "failed": [trial for trial in results.trials if trial.state == "failed"],
        "seeds": len({fold.seed for fold in search.folds}),
        "folds": max(fold.number for fold in search.folds),
        "span": difference_words(results.difference),
        "selected_span": difference_words(results.selected),
        "key_numbers": key_numbers(results),
        "history": [history] if history else [],
        "history_legend": HISTORY_LEGEND,
        "settings": setting_panels(results),
        "legend": LEGEND,
        "settings_table": settings_table(results),
        "folds_table": folds_table(results),
        "trials_table": trials_table(results),
        "environment": facts_table(results.environment.model_dump(mode="json")),
        "hashes": facts_table({"data": search.data_hash, "split": search.split_hash}),
        "next": shlex.join(["twinlens", "compare", str(folder / BEST_STUDY), "--out", "results"]),
    }


def improved(results: TuningResults) -> bool | None:
    """Tell whether the search gained on folds that took no part in the selection.

    Returns:
        Whether the interval is on the better side of 0; None without an interval.
    """
    if results.selected is None or results.selected.interval is None:
        return None
    sign = METRICS[results.search.metric].sign
    return min(sign * end for end in results.selected.interval) > 0


def difference_words(difference: FoldDifference | None) -> str:
    """Write a difference and its interval."""
    if difference is None:
        return ""
    return f"{decimal(difference.mean, signed=True)} {interval(difference.interval, signed=True)}"


def key_numbers(results: TuningResults) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    metric, best, own = metric_title(results.search.metric), results.best_trial, results.own
    numbers = []
    if best:
        numbers.append((decimal(best.mean), f"{metric}, best trial", _spread(best)))
    if own.mean is not None:
        numbers.append((decimal(own.mean), f"{metric}, own settings", _spread(own)))
    if results.selected:
        mean = decimal(results.selected.mean, signed=True)
        detail = f"{interval(results.selected.interval, signed=True)} on folds that did not select"
        numbers.append((mean, "Gain of the search", detail.strip()))
    done = len(results.trials) - sum(trial.state == "left" for trial in results.trials)
    numbers.append((str(done), "Trials", f"of {results.asked}"))
    seconds = sum(trial.seconds for trial in [own, *results.trials])
    return [*numbers, (duration(seconds), "Training time", "of all trials")]


def settings_table(results: TuningResults) -> Table:
    """Return what was searched, the own and the best value of each setting, and its importance."""
    best, importance = results.best_trial, results.importance
    rows = [
        {
            "setting": key,
            "searched": candidates_words(candidates),
            "own": value_text(results.own.values[key]),
            "best": value_text(best.values[key]) if best else "",
            "importance": share(importance[key]) if importance else "",
        }
        for key, candidates in results.search.space.items()
    ]
    columns = [
        key_column("Setting", "setting"),
        key_column("Searched", "searched"),
        key_column("Own", "own", numeric=True),
        key_column("Best trial", "best", numeric=True),
        *([key_column("Importance", "importance", numeric=True)] if importance else []),
    ]
    return make_table(rows, columns)


def folds_table(results: TuningResults) -> Table:
    """Return the folds with the scores of the best trial and of the own settings."""
    best, own, seeds = results.best_trial, results.own, {f.seed for f in results.search.folds}
    scores = {"own": own.scores, "best": best.scores if best else []}
    rows = []
    for place, fold in enumerate(results.search.folds):
        known = {name: got[place] for name, got in scores.items() if place < len(got)}
        row = {"seed": fold.seed, "fold": fold.number, "train": fold.train, "val": fold.val}
        difference = known["best"] - known["own"] if len(known) == 2 else None
        rows.append({**row, "own": known.get("own"), "best": known.get("best"), "gain": difference})
    columns = [
        *([key_column("Seed", "seed", numeric=True)] if len(seeds) > 1 else []),
        key_column("Fold", "fold", numeric=True),
        key_column("Training images", "train", numeric=True),
        key_column("Validation images", "val", numeric=True),
        key_column("Own settings", "own", decimal, numeric=True),
        key_column("Best trial", "best", decimal, numeric=True),
        Column("Difference", lambda row: decimal(row["gain"], signed=True), numeric=True),
    ]
    return make_table(rows, columns)


def trials_table(results: TuningResults) -> Table:
    """Return all trials, those that finished and scored best first."""
    sign = METRICS[results.search.metric].sign
    states = ("finished", "pruned", "failed", "left")
    trials = sorted(
        results.trials, key=lambda trial: (states.index(trial.state), -sign * (trial.mean or 0))
    )
    columns = [
        Column("Trial", lambda trial: str(trial.number) if trial.number else "own", numeric=True),
        Column("Mean", lambda trial: number(decimal(trial.mean), _spread(trial)), numeric=True),
        Column("State", _state),
        *(Column(key, partial(_value_of, key), numeric=True) for key in results.search.space),
        Column("Time", lambda trial: duration(trial.seconds), numeric=True),
    ]
    return make_table([results.own, *trials], columns, frame=[])


def candidates_words(candidates: Candidates) -> str:
    """Write what is tried for a setting."""
    if isinstance(candidates, Choices):
        return value_words(candidates.root)
    how = ", logarithmic" if candidates.log else ""
    step = f", step {candidates.step:g}" if candidates.step else ""
    return f"{value_text(candidates.low)} to {value_text(candidates.high)}{how}{step}"


def value_text(value: Value) -> str:
    """Write a value of a setting: of a fraction three digits."""
    return f"{value:.3g}" if isinstance(value, float) else value_words(value)


def _value_of(key: str, trial: Trial) -> str:
    return value_text(trial.values[key])


def _state(trial: Trial) -> str:
    after = f" after {len(trial.scores)}" if trial.state == "pruned" else ""
    return f"{trial.state}{after}"


def _spread(trial: Trial) -> str:
    return f"± {decimal(trial.sd)}" if trial.sd is not None else ""
