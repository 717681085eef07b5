"""The head of the page: what came out, in words and one figure, warnings and key numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from twinlens.evaluation.metrics import METRICS
from twinlens.finetuning.divergence import loss_rose
from twinlens.reporting import formatting as wording
from twinlens.reporting.figures.layout import Panel
from twinlens.reporting.figures.style import Legend, arm_mark
from twinlens.reporting.pretraining.monitoring import alarms
from twinlens.reporting.study.forest_plots import main_differences_panel
from twinlens.reporting.study.label_efficiency import headline_curves
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.reproducibility import failures
from twinlens.reporting.study.result_tables import ONE_SEED
from twinlens.study.analysis.verdict import ALPHA, baseline_winner, includes_zero, on_baseline

_BASELINE_ANSWERS = {"arm": "Yes.", "baseline": "No.", None: "Not shown."}


@dataclass(frozen=True)
class Headline:
    """The figure beside the verdict.

    Attributes:
        shows: "curves": scores against labels; "differences": from the reference.
        panels: Its panels.
        legend: Its legend.
    """

    shows: Literal["curves", "differences"]
    panels: Sequence[Panel]
    legend: Legend = ()


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the numbers and warnings that the template shows."""
    verdict, first = study.results.verdict, len(on_baseline(study.results))
    return {
        "on_baseline": verdict[:first],
        "baseline_answer": _BASELINE_ANSWERS[baseline_winner(study.results)],
        "answer": answer(study),
        "on_reference": verdict[first:],
        "best": study.results.best,
        "headline": headline(study),
        "key_numbers": key_numbers(study),
        "data_notices": dict.fromkeys(run.data.notice for run in study.runs if run.data.notice),
        "alarms": [
            (run, message) for run in study.runs_of("pretrain") for _, message in alarms(run)
        ],
        "diverged": diverged(study),
        "failed": len(failures(study)),
    }


def diverged(study: StoredStudy) -> str:
    """Name the trainings whose loss rose, if there are any."""
    trained = [run for run in study.runs_of("train") if run.training and run.history is not None]
    seeds: dict[tuple[str, float], list[str]] = {}
    for run in trained:
        record, history = run.training, run.history
        if record and history is not None and loss_rose(history, record.settings.epochs):
            seeds.setdefault((run.arms[0], record.label_fraction), []).append(str(run.seed))
    number = sum(map(len, seeds.values()))
    if not number:
        return ""
    named = [
        f"{study.arm_title(arm)} (seed{'s' * (len(of) > 1)} {wording.listing(of)}"
        + (f", {wording.label_fraction_title(fraction)} of the labels)" if fraction < 1 else ")")
        for (arm, fraction), of in sorted(seeds.items(), key=lambda each: _place(study, *each[0]))
    ]
    return (
        f"In {number} of {wording.plural(len(trained), 'training')} the loss of the last epoch was "
        f"no lower than that of the first: {wording.listing(named)}. These models may "
        "have learned little, and their arms are judged by them: lower the learning rate."
    )


def _place(study: StoredStudy, arm: str, fraction: float) -> tuple[int, float]:
    return study.arms.index(arm), -fraction


def answer(study: StoredStudy) -> str:
    """Answer in a word whether the best other arm is better than the reference."""
    best, fraction = study.best_other, study.tested_label_fraction
    difference = study.difference(best or "", fraction, study.primary)
    if difference is None or difference.interval is None or difference.p_holm is None:
        return "This cannot be said yet."
    if includes_zero(difference) or difference.p_holm >= ALPHA:
        return "Not shown."
    return "Yes." if METRICS[study.primary].sign * difference.mean > 0 else "No, it harmed."


def headline(study: StoredStudy) -> Headline | None:
    """Return the curves of the reference, the best arm and the best frozen baseline.

    With one label fraction, return the differences from the reference.
    """
    best = study.best_other or study.best_baseline
    if not best:
        return None
    arms = _main_arms(study)
    if curves := headline_curves(study, arms, best):
        legend = [(arm_mark(study.arms.index(arm)), study.arm_title(arm)) for arm in arms]
        return Headline("curves", [curves], legend)
    differences = main_differences_panel(study)
    return Headline("differences", [differences]) if differences else None


def _main_arms(study: StoredStudy) -> list[str]:
    """Return the reference, the best other arm and the best frozen baseline, if there are any."""
    arms = [study.reference, study.best_other, study.best_baseline]
    return [*dict.fromkeys(arm for arm in arms if arm)]


def key_numbers(study: StoredStudy) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    if not study.label_fractions:
        return []
    label_fraction, metric = study.label_fractions[0], wording.metric_title(study.primary)
    if label_fraction != study.tested_label_fraction:
        metric = f"{metric}, {wording.label_fraction_title(label_fraction)} of the labels"
    numbers = []
    for arm in _main_arms(study):
        if score := study.summary(arm, label_fraction, study.primary):
            spread = wording.spread(score) if score.n > 1 else ONE_SEED
            detail = f"{study.arm_title(arm)}, {spread}"
            numbers.append((wording.decimal(score.mean), metric, detail))
    difference = study.difference(study.best_other or "", label_fraction, study.primary)
    if difference:
        span = wording.interval(difference.interval, signed=True)
        detail = f"{span} over {difference.covers}" if span else ONE_SEED
        numbers.append((wording.decimal(difference.mean, signed=True), "Paired difference", detail))
    arms, counts = len(study.arms), study.counts
    images = {split: sum(counts.get(split, {}).values()) for split in ("train", "val", "test")}
    most = max(s.n for a in study.arms if (s := study.summary(a, label_fraction, study.primary)))
    numbers.append((str(most), "Seeds" if most != 1 else "Seed", wording.plural(arms, "arm")))
    if images["train"]:
        detail = f"{wording.count(images['train'])} train, {wording.count(images['val'])} val"
        labels = wording.count(images["train"] + images["val"])
        numbers.append((labels, "Labelled images", detail))
    if images["test"]:
        numbers.append((wording.count(images["test"]), "Test images", ""))
    return numbers
