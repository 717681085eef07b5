"""Scores by class: F1 of every arm, and one run of each in full."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinlens.records.scores import PartScores
from twinlens.reporting.figures.style import Mark, arm_mark
from twinlens.reporting.formatting import MISSING, count, decimal
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.class_panels import class_f1
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Record, Table, arm_cell, number

_ARMS_ACROSS = 4  # with more arms than these, they are rows
_OVERALL = {"weighted_f1": "Weighted mean", "accuracy": "Accuracy"}
_SCORES = ("precision", "recall", "f1")

Scores = dict[str, list[float]]


@dataclass(frozen=True)
class Classification:
    """Precision, recall and F1 of an arm's run whose accuracy is nearest the arm's mean."""

    arm: str
    mark: Mark
    run: StoredRun
    table: Table


def f1_table(study: StoredStudy) -> Table | None:
    """Return mean and deviation over seeds of F1 by class and arm, at the largest label fraction.

    A line is a class, as in the paper's Table 4, or an arm where there are many.
    """
    scores = {arm: _f1(study, arm) for arm in study.arms}
    if not any(values for of in scores.values() for values in of.values()):
        return None
    lines = [*study.ordered_classes, *_OVERALL]
    support = dict(zip(lines, map(count, _support(study)), strict=True))
    if len(study.arms) <= _ARMS_ACROSS:
        head = [Cell("Class"), *(number(study.arm_title(arm)) for arm in study.arms)]
        head.append(number("Images"))
        rows = [
            [
                _line(study, name),
                *(_mean_cell(scores[arm][name]) for arm in study.arms),
                number(support[name]),
            ]
            for name in lines
        ]
    else:
        titles = [_OVERALL.get(name, name) for name in lines]
        head = [number(t, f"{support[name]} images") for t, name in zip(titles, lines, strict=True)]
        head.insert(0, Cell("Arm"))
        rows = [
            [arm_cell(study, [arm]), *(_mean_cell(scores[arm][name]) for name in lines)]
            for arm in study.arms
        ]
    return Table(head, rows, "f1_by_class", _f1_records(scores))


def _f1(study: StoredStudy, arm: str) -> Scores:
    """Return F1 by class, and overall scores, of each run at the largest label fraction."""
    runs = (
        study.runs_of("train", arm=arm, label_fraction=study.label_fractions[0])
        if study.label_fractions
        else []
    )
    found = {name: class_f1(study, arm, name) if runs else [] for name in study.classes}
    overall = {m: [r.test.metrics[m] for r in runs if r.test] for m in _OVERALL}
    return found | overall


def _f1_records(scores: dict[str, Scores]) -> list[Record]:
    return [
        {
            "arm": arm,
            "class": "" if name in _OVERALL else name,
            "score": name if name in _OVERALL else "f1",
            "runs": len(values),
            "mean": float(np.mean(values)) if values else None,
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        }
        for arm, of in scores.items()
        for name, values in of.items()
    ]


def _mean_cell(values: Sequence[float]) -> Cell:
    if not values:
        return number(MISSING)
    sd = f" ±\u00a0{decimal(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return number(decimal(float(np.mean(values))) + sd)


def _line(study: StoredStudy, name: str) -> Cell:
    title = str(study.class_info.get(name, {}).get("title") or "")
    return Cell(_OVERALL.get(name, name), title if title.lower() != name.lower() else "")


def _support(study: StoredStudy) -> list[int]:
    """Return the test images of each class in order, and twice their sum."""
    runs = [
        run for run in study.runs_of("train", label_fraction=study.label_fractions[0]) if run.test
    ]
    scores = runs[0].test.per_class if runs and runs[0].test else {}
    images = [scores[n].support if n in scores else 0 for n in study.ordered_classes]
    return [*images, sum(images), sum(images)]


def classifications(study: StoredStudy) -> list[Classification]:
    """Return the scores of each arm's representative run; reference and best other arm first."""
    first = [arm for arm in (study.reference, study.best_other) if arm in study.arms]
    return [
        Classification(
            study.arm_title(arm),
            arm_mark(study.arms.index(arm)),
            run,
            _classification(study, arm, run, run.test),
        )
        for arm in dict.fromkeys([*first, *study.arms])
        if (run := study.representative(arm)) and run.test
    ]


def _classification(study: StoredStudy, arm: str, run: StoredRun, test: PartScores) -> Table:
    scores = {name: test.per_class[name] for name in study.ordered_classes}
    support = {name: of_class.support for name, of_class in scores.items()}
    shown = {
        name: [getattr(of_class, key) if of_class.support else None for key in _SCORES]
        for name, of_class in scores.items()
    }
    rows = [
        [_line(study, name), *map(number, map(decimal, values)), number(count(support[name]))]
        for name, values in shown.items()
    ]
    total = sum(support.values())
    there = [name for name in shown if support[name]]
    means = np.average([shown[name] for name in there], 0, [support[name] for name in there])
    rows.append(
        [Cell("Weighted mean"), *(number(decimal(float(m))) for m in means), number(count(total))]
    )
    rows.append(
        [Cell("Accuracy"), number(""), number(""), number(decimal(test.metrics["accuracy"]))]
    )
    rows[-1].append(number(count(total)))
    head = [Cell("Class"), *(number(name) for name in ("Precision", "Recall", "F1", "Images"))]
    about = {"arm": arm, "run": run.name, "seed": run.seed}
    records = [
        {**about, "class": name, **dict(zip(_SCORES, values, strict=True)), "images": support[name]}
        for name, values in shown.items()
    ]
    return Table(head, rows, f"classification_{arm}", records)
