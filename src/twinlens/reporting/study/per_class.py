"""Scores by class: F1 of every arm, and one run of each in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twinlens.records.dataset import ClassInfo
from twinlens.records.scores import PartScores
from twinlens.reporting.figures.style import Mark, arm_mark
from twinlens.reporting.formatting import MISSING, count, decimal
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.class_panels import class_f1
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import (
    Cell,
    Column,
    Table,
    arm_cell,
    key_column,
    make_table,
)

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

    def of_arm(arm: str) -> Column:
        title = study.arm_title(arm)
        return Column(title, lambda line: _mean(scores[arm][line]), numeric=True)

    def of_line(line: str) -> Column:
        detail = f"{support[line]} images"
        return Column(
            _OVERALL.get(line, line), lambda arm: _mean(scores[arm][line]), detail, numeric=True
        )

    frame = _f1_values(scores)
    if len(study.arms) > _ARMS_ACROSS:
        columns = [Column("Arm", lambda arm: arm_cell(study, [arm])), *map(of_line, lines)]
        return make_table(study.arms, columns, name="f1_by_class", frame=frame)
    columns = [
        Column("Class", lambda line: _line(study, line)),
        *map(of_arm, study.arms),
        Column("Images", lambda line: support[line], numeric=True),
    ]
    return make_table(lines, columns, name="f1_by_class", frame=frame)


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


def _f1_values(scores: dict[str, Scores]) -> list[dict[str, Any]]:
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


def _mean(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    sd = f" ±\u00a0{decimal(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return decimal(float(np.mean(values))) + sd


def _line(study: StoredStudy, name: str) -> Cell:
    title = study.class_info.get(name, ClassInfo()).title
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
    frame = pd.DataFrame(
        [{"class": name, **dict(test.per_class[name])} for name in study.ordered_classes]
    ).rename(columns={"support": "images"})
    frame.loc[frame["images"] == 0, [*_SCORES]] = np.nan
    present = frame[frame["images"] > 0]
    means = {key: np.average(present[key], weights=present["images"]) for key in _SCORES}
    total = int(frame["images"].sum())
    classes = frame.astype(object).where(frame.notna(), None).to_dict("records")
    summary = [
        {"class": "Weighted mean", **means, "images": total},
        {"class": "Accuracy", "f1": test.metrics["accuracy"], "images": total},
    ]
    columns = [
        Column("Class", lambda row: _line(study, row["class"])),
        *(Column(key.capitalize(), partial(_score, key=key), numeric=True) for key in _SCORES),
        key_column("Images", "images", count, numeric=True),
    ]
    about = {"arm": arm, "run": run.name, "seed": run.seed}
    values = [{**about, **row} for row in classes]
    return make_table([*classes, *summary], columns, name=f"classification_{arm}", frame=values)


def _score(row: dict[str, Any], key: str) -> str:
    return decimal(row[key]) if key in row else ""
