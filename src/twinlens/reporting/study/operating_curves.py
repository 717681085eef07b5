"""ROC and precision-recall of each arm's representative run, by class against the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from numpy import ndarray
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from twinlens.inference.predictions_table import PREDICTIONS, read_predictions
from twinlens.reporting.audit.composition import class_colours
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, WIDE, Mark, arm_mark
from twinlens.reporting.formatting import decimal, listing
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy

Curve = tuple[Float[ndarray, " point"], Float[ndarray, " point"]]
Scorer = Callable[[ndarray, ndarray], float]


@dataclass(frozen=True)
class OperatingCurves:
    """The two panels of an arm: the receiver operating characteristic, and precision-recall."""

    arm: str
    mark: Mark
    words: str
    panels: list[Panel]


def operating_curves(study: StoredStudy) -> list[OperatingCurves]:
    """Draw the curves of each arm's representative run; the reference first, then the best arm."""
    first = [arm for arm in (study.reference, study.best_other) if arm in study.arms]
    drawn = []
    for arm in dict.fromkeys([*first, *study.arms]):
        run = study.representative(arm)
        if run and (run.folder / PREDICTIONS).is_file():
            drawn.append(_of_arm(study, arm, run))
    return drawn


def _of_arm(study: StoredStudy, arm: str, run: StoredRun) -> OperatingCurves:
    table = read_predictions(run.folder)
    table = table[table["split"] == "test"]
    present = [name for name in study.classes if (table["label"] == name).any()]
    drawn = present if len(present) > 1 else []  # each class against the rest
    index = study.arms.index(arm)
    panels = [_panel(study, table, drawn, name, study.arm_title(arm)) for name in ("roc", "pr")]
    accuracy = decimal(run.test.metrics["accuracy"] if run.test else None)
    words = [f"Seed {run.seed}, accuracy {accuracy}."]
    absent = [name for name in study.classes if name not in present]
    words += [f"No test image of {listing(absent)}."] if absent else []
    return OperatingCurves(study.arm_title(arm), arm_mark(index), " ".join(words), panels)


def roc(wanted: ndarray, scores: ndarray) -> Curve:
    """Return false positive rate and sensitivity over all thresholds."""
    false_positives, sensitivity, _ = roc_curve(wanted, scores)
    return false_positives, sensitivity


def precision_recall(wanted: ndarray, scores: ndarray) -> Curve:
    """Return recall and precision over all thresholds, as the steps that average precision sums."""
    precision, recall, _ = precision_recall_curve(wanted, scores)
    return np.repeat(recall, 2)[1:], np.repeat(precision, 2)[:-1]


_KINDS: dict[str, tuple[str, str, str, Callable[[ndarray, ndarray], Curve], str, Scorer]] = {
    "roc": ("ROC", "1 − specificity", "sensitivity", roc, "area", roc_auc_score),
    "pr": ("Precision-recall", "recall", "precision", precision_recall, "average precision",
           average_precision_score),
}  # fmt: skip


def _panel(
    study: StoredStudy, table: pd.DataFrame, classes: Sequence[str], name: str, arm: str
) -> Panel:
    title, across, up, curve, summary, score = _KINDS[name]
    styles = _styles(study)
    answers = {c: ((table["label"] == c).to_numpy(), table[f"p_{c}"].to_numpy()) for c in classes}
    scores = {c: float(score(*answer)) for c, answer in answers.items()}

    def paint(axes: Axes) -> None:
        if name == "roc":
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for c, answer in answers.items():
            ink, dashed = styles[c]
            x, y = curve(*answer)
            axes.plot(x, y, color=ink, linestyle="--" if dashed else "-",
                      linewidth=1.3, alpha=0.85, clip_on=False)  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=across, ylabel=up)
        axes.grid()

    mean = decimal(float(np.mean([*scores.values()])) if scores else None, digits=2)
    words = f"Mean over the classes: {mean}."
    legend = [
        (
            Mark(ink, linestyle="--" if dashed else "-"),
            f"{c} {decimal(scores[c], digits=2)}",
        )
        for c, (ink, dashed) in styles.items()
        if c in scores
    ]
    parts = ", ".join(text for _, text in legend)
    label = f"{title} of {arm}, {summary}: {parts}. {words}"
    note = f"{summary.capitalize()} in the legend. {words}"
    return Panel(title, Frame(WIDE, 340, left=42, top=6), paint, label, note, legend=legend)


def _styles(study: StoredStudy) -> dict[str, tuple[str, bool]]:
    """Return each class's colour, and whether its line is dashed as the colour has come before."""
    colours = class_colours(study.classes, study.class_info)
    return {
        name: (colours[name], [colours[c] for c in study.classes[:i]].count(colours[name]) > 0)
        for i, name in enumerate(study.classes)
    }
