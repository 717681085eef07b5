"""Tables of a study as plain rows, and confusion matrices as cells to shade."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup

from twinlens.reporting.stored import StoredRun, StoredStudy, grouped
from twinlens.reporting.svg import swatch
from twinlens.reporting.wording import (
    MISSING,
    budget_title,
    count,
    decimal,
    duration,
    interval,
    listing,
    method_title,
    metric_title,
    p_value,
    plain,
    scientific,
    share,
    spread,
)

ONE_SEED = "one seed: no interval"
_SPLITS = ("train", "val", "test", "unlabelled")


@dataclass(frozen=True)
class Cell:
    """One entry of a table: its text, a smaller line below, and an arm's mark before it."""

    text: str
    detail: str = ""
    swatch: Markup = field(default=Markup(""))
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Column heads and rows of cells."""

    head: list[Cell]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Confusion:
    """An arm's confusion matrix, summed over its seeds; rows are the true classes."""

    arm: str
    swatch: Markup
    classes: list[str]
    counts: list[list[int]]
    shares: list[list[float | None]]
    breaks: list[int]


def number(text: str, detail: str = "") -> Cell:
    """Return a cell that is aligned as a number."""
    return Cell(text, detail, numeric=True)


def arm_cell(study: StoredStudy, arms: Sequence[str], detail: str = "") -> Cell:
    """Return a cell that names arms, with the mark of the first."""
    known = [study.arms.index(arm) for arm in arms if arm in study.arms]
    name = listing([study.arm_title(arm) for arm in arms])
    return Cell(name, detail, swatch(min(known)) if known else Markup(""))


def arms_table(study: StoredStudy) -> Table:
    """Return mean, spread and interval of every arm at every label budget."""
    head = [Cell("Arm"), number("Seeds"), *_metric_heads(study)]
    rows = []
    for budget in study.budgets:
        for arm in study.arms:
            found = study.summary(arm, budget, study.primary) or {}
            detail = "reference" if arm == study.reference else ""
            row = [arm_cell(study, [arm], detail), number(str(found.get("n", 0)))]
            row += [_summary_cell(study.summary(arm, budget, name)) for name in study.metrics]
            rows.append(_with_budget(study, budget, row))
    return Table(_with_budget_head(study, head), _without_repeats(rows))


def differences_table(study: StoredStudy) -> Table | None:
    """Return every arm's paired difference from the reference, or None for a single arm."""
    head = [Cell("Arm"), number("Pairs"), *_metric_heads(study)]
    rows = []
    for budget in study.budgets:
        for arm in study.arms:
            found = study.difference(arm, budget, study.primary)
            if arm == study.reference or not found:
                continue
            row = [arm_cell(study, [arm]), number(str(found.get("n", MISSING)))]
            row += [
                _difference_cell(
                    study.difference(arm, budget, metric),
                    is_test=metric == study.primary and budget == max(study.budgets),
                )
                for metric in study.metrics
            ]
            rows.append(_with_budget(study, budget, row))
    return Table(_with_budget_head(study, head), _without_repeats(rows)) if rows else None


def _metric_heads(study: StoredStudy) -> list[Cell]:
    return [
        number(metric_title(name), "primary" if name == study.primary else "")
        for name in study.metrics
    ]


def _with_budget_head(study: StoredStudy, head: list[Cell]) -> list[Cell]:
    return [Cell("Labels"), *head] if len(study.budgets) > 1 else head


def _with_budget(study: StoredStudy, budget: float, row: list[Cell]) -> list[Cell]:
    return [Cell(budget_title(budget)), *row] if len(study.budgets) > 1 else row


def _without_repeats(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Blank a first cell that says the same as the one above it."""
    above = [None, *(row[0] for row in rows)]
    return [
        [Cell("") if row[0] == last else row[0], *row[1:]]
        for row, last in zip(rows, above, strict=False)
    ]


def _summary_cell(found: dict[str, Any] | None) -> Cell:
    if not found:
        return number(MISSING, "no finished run")
    if found["n"] < 2:
        return number(decimal(found["mean"]), ONE_SEED)
    return number(f"{decimal(found['mean'])} {spread(found)}", interval(found.get("interval")))


def _difference_cell(found: dict[str, Any] | None, *, is_test: bool) -> Cell:
    """Only the primary metric at the largest budget is a test; the rest describes, without p."""
    if not found:
        return number(MISSING)
    parts = [interval(found.get("interval"), signed=True)]
    parts += [p_value(found.get("p"))] if is_test else []
    return number(decimal(found["mean"], signed=True), "\n".join(filter(None, parts)) or ONE_SEED)


def counts_table(study: StoredStudy) -> Table | None:
    """Return the number of images by class and split, or None if no run has stored it."""
    return class_counts(study.data.get("counts") or {}, study.classes, study.class_info)


def class_counts(
    counts: Mapping[str, Mapping[str, int]],
    classes: Sequence[str],
    class_info: Mapping[str, Mapping[str, Any]],
) -> Table | None:
    """Return the number of images by class and split, classes of a group together."""
    if not counts:
        return None
    splits = [name for name in _SPLITS if name in counts]
    splits += [name for name in counts if name not in splits]
    known = {fact for info in class_info.values() for fact in info if info[fact]}
    facts = {f: name for f, name in (("title", "Name"), ("group", "Group")) if f in known}

    def row(name: str, numbers: Iterable[int], info: Mapping[str, Any]) -> list[Cell]:
        words = [Cell(str(info.get(fact) or "")) for fact in facts]
        return [Cell(name), *words, *(number(count(n)) for n in numbers)]

    rows = [
        row(name, [counts[s].get(name, 0) for s in splits], class_info.get(name, {}))
        for names in grouped(classes, class_info).values()
        for name in names
    ]
    bare = [sum(n for c, n in counts[s].items() if c not in classes) for s in splits]
    if any(bare):
        rows.append(row("without a label", bare, {}))
    rows.append(row("all", [sum(counts[s].values()) for s in splits], {}))
    head = [Cell(name) for name in ("Class", *facts.values())]
    return Table([*head, *(number(plain(name)) for name in splits)], rows)


def known_table(known: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the shares of the val and test images that training may know."""
    head = [Cell("Part"), *(number(place) for place in ("in train", "in unlabelled", "in either"))]
    rows = [
        [Cell(part), *(number(share(of[place])) for place in ("train", "unlabelled", "any"))]
        for part, of in known.items()
    ]
    return Table(head, rows)


def confusions(study: StoredStudy) -> list[Confusion]:
    """Return each arm's confusion matrix at the largest budget, classes ordered by group."""
    names = study.classes
    order = [names.index(n) for classes in study.class_groups.values() for n in classes]
    sizes = [len(classes) for classes in study.class_groups.values()]
    breaks = np.cumsum(sizes)[:-1].tolist()
    matrices = []
    for index, arm in enumerate(study.arms):
        runs = study.runs_of("train", arm=arm, budget=study.budgets[0]) if study.budgets else []
        found = [np.array(run.test["confusion"]) for run in runs if run.test]
        if not found:
            continue
        counts = np.sum(found, axis=0)[np.ix_(order, order)].astype(int)
        shares = [[int(n) / int(sum(row)) if sum(row) else None for n in row] for row in counts]
        matrices.append(
            Confusion(
                study.arm_title(arm),
                swatch(index),
                [names[i] for i in order],
                counts.tolist(),
                shares,
                breaks,
            )
        )
    return matrices


def runs_table(study: StoredStudy) -> Table | None:
    """Return every stored run with its learning rate, score and cost."""
    if not study.runs:
        return None
    head = [Cell("Run"), Cell("Arm"), number("Seed"), number("Labels"), number("Learning rate"),
            number(metric_title(study.primary)), number("Time"), number("Images/s")]  # fmt: skip
    ordered = sorted(study.runs, key=lambda run: (run.kind == "train", run.name))
    return Table(head, [_run_row(study, run) for run in ordered])


def _run_row(study: StoredStudy, run: StoredRun) -> list[Cell]:
    finder = run.lr_finder or {}
    how = finder.get("how", "")
    fine_tuned = run.kind == "train"
    speed = run.info.get("images_per_s")
    return [
        Cell(run.name),
        arm_cell(
            study, run.arms, "" if fine_tuned else f"pretraining by {method_title(run.method)}"
        ),
        number(str(run.seed)),
        number(budget_title(run.budget) if fine_tuned else "none"),
        number(scientific(finder.get("suggestion")), how),
        number(decimal((run.test or {}).get(study.primary))),
        number(duration(run.info.get("seconds"))),
        number(MISSING if speed is None else count(speed)),
    ]


def records_table(records: Iterable[object]) -> Table | None:
    """Return records, such as the log of test openings, with a column a key.

    A record that is no mapping is written as one sentence.
    """
    entries = [r if isinstance(r, Mapping) else {"what": r} for r in records]
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    if not keys:
        return None
    rows = [[Cell(_value(entry.get(key, ""))) for key in keys] for entry in entries]
    return Table([Cell(plain(str(key)).capitalize()) for key in keys], rows)


def facts_table(facts: Mapping[str, object]) -> Table | None:
    """Return names and values as rows of two cells."""
    rows = [[Cell(plain(str(name))), Cell(_value(value))] for name, value in facts.items()]
    return Table([], rows) if rows else None


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(k))} {_value(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING if value is None else str(value)
