"""What results hold beyond means and differences: corrections, label efficiency, advice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twinlens.evaluation.uncertainty.statistics import holm, seeds_needed
from twinlens.records.results import StudyResults

EQUIVALENT = "‘{arm}’ with {label_fraction} of the labels scores as the reference with 300."
ADVICE = ["More seeds would narrow the interval.", "More labels: the study cannot say."]


def read_results(folder: Path) -> StudyResults:
    """Read the results of a study."""
    return StudyResults.read(folder / "results.json")


def change_results(folder: Path, **changes: Any) -> None:
    """Change fields of a study's results."""
    content = read_results(folder).model_dump() | changes
    StudyResults.model_validate(content).write(folder / "results.json")


def change_rows(
    folder: Path, field: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    """Change summaries or differences of a study's results: each row, or leave it out by None."""
    rows = [change(row.model_dump()) for row in getattr(read_results(folder), field)]
    change_results(folder, **{field: [row for row in rows if row is not None]})


def judge(folder: Path, min_effect: float = 0.02) -> StudyResults:
    """Add what `build_study` leaves out of the results of a study."""
    results = read_results(folder)
    primary, largest = results.primary_metric, max(results.label_fractions)
    main = [d for d in results.differences if (d.label_fraction, d.metric) == (largest, primary)]
    corrected = dict(zip([d.arm for d in main], holm([d.p for d in main]), strict=True))
    differences = []
    for row in results.differences:
        changes: dict[str, Any] = {}
        if row.metric == primary:
            needed = seeds_needed(row.values, min_effect) or (None, None)
            changes |= {"seeds_needed_low": needed[0], "seeds_needed": needed[1]}
            if row.label_fraction == largest:
                changes["p_holm"] = corrected[row.arm]
        if row.n == 1:
            changes |= {"low": -0.05, "high": 0.06, "covers": "test images"}
        differences.append(row.model_dump() | changes)
    labels = {fraction: round(900 * fraction) for fraction in results.label_fractions}
    equivalent = [
        {"arm": arm, "label_fraction": b, "labels": n, "n": 3, "mean_low": 90, "mean_high": 900,
         "low": None, "high": None, "sentence": EQUIVALENT.format(arm=arm, label_fraction=b)}
        for arm in results.arms if arm != results.reference for b, n in labels.items()
    ]  # fmt: skip
    run = f"train-1-{largest:g}-0"
    best = {"ensemble": "none", "run": run, "arm": results.arms[-1], "seed": 0,
            "label_fraction": largest, "metric": primary, "val": 0.512, "folder": "best",
            "members": [run], "test": {primary: 0.498}}  # fmt: skip
    efficiency = {"labels": labels, "val_labels": 100, "equivalent_labels": equivalent}
    change_results(
        folder,
        min_effect=min_effect,
        differences=differences,
        label_efficiency=efficiency if len(labels) > 1 else None,
        advice=ADVICE,
        best=best,
    )
    return read_results(folder)
