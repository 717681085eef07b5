r"""The runs of a study and their mean as an ensemble, as predicted and after an adjustment.

From the predictions that the finished runs of a study stored:

    python benchmarks/ensemble.py runs/derm-best derm-best

An ensemble's probabilities are the mean of its members', and a lesion's those of its images. The
adjustment divides the probabilities by the share of each class among the training images, to the
power of a strength (Menon et al. 2021, arXiv 2007.07314, equation 9); the strength of the highest
balanced accuracy on `val` is measured on `test`. Intervals are over other test images, drawn by
lesion. Writes results/NAME.json.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import machine
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from twinlens.config import read_yaml
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.files import write_json
from twinlens.study.running.paths import is_finished, read_plan, run_folder

STRENGTHS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)


def main() -> None:
    study, name = sys.argv[1:]
    folder = Path(study)
    settings = read_yaml(folder / "study.yaml")
    data = open_dataset(Path(settings["data"]))
    trained = data.labels[open_split(data, settings.get("split")).rows["train"]]
    shares = np.bincount(trained, minlength=len(data.classes)) / len(trained)
    rows = {}
    for model, tables in _models(folder):
        rows[model] = _row(tables, data.classes, shares)
        print(f"{model}: {rows[model]}")
    command = f"python benchmarks/ensemble.py {folder} {name}"
    results = Path(__file__).parent / "results" / f"{name}.json"
    content = {"command": command, "study": settings, "machine": machine("torch"), "models": rows}
    write_json(results, content)


def _models(folder: Path) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    """Yield each finished run, and all as an ensemble, as tables of predictions in one order."""
    runs = [run for run in read_plan(folder) if run.kind == "train" and is_finished(folder, run)]
    tables = [
        pd.read_parquet(run_folder(folder, run) / "predictions.parquet").sort_values("id")
        for run in runs
    ]
    for run, table in zip(runs, tables, strict=True):
        yield f"{run.arm}, seed {run.seed}", [table]
    yield f"mean of these {len(runs)}", tables


def _row(tables: list[pd.DataFrame], classes: list[str], shares: np.ndarray) -> dict[str, Any]:
    columns = [f"p_{name}" for name in classes]
    mean = tables[0].copy()
    mean[columns] = np.mean([table[columns].to_numpy() for table in tables], axis=0)
    val, test = mean[mean["split"] == "val"], mean[mean["split"] == "test"]

    def adjusted(table: pd.DataFrame, strength: float) -> np.ndarray:
        weighted = table[columns].to_numpy() * shares**-strength
        probabilities: np.ndarray = weighted / weighted.sum(axis=1, keepdims=True)
        return probabilities

    on_val = {
        strength: balanced_accuracy_score(
            _numbers(val, classes), adjusted(val, strength).argmax(axis=1)
        )
        for strength in STRENGTHS
    }
    chosen = max(STRENGTHS, key=lambda strength: on_val[strength])
    lesions = test.groupby(["group", "label"], as_index=False)[columns].mean()
    return {
        "val": {f"{strength:g}": round(score, 4) for strength, score in on_val.items()},
        "chosen": chosen,
        "test": _scores(test, classes, adjusted(test, 0), adjusted(test, chosen)),
        "test by lesion": _scores(
            lesions, classes, adjusted(lesions, 0), adjusted(lesions, chosen)
        ),
    }


def _scores(
    table: pd.DataFrame, classes: list[str], plain: np.ndarray, adjusted: np.ndarray
) -> dict[str, Any]:
    label, found = _numbers(table, classes), {"plain": plain, "adjusted": adjusted}
    hits = np.stack([p.argmax(axis=1) == label for p in found.values()])
    of_class = np.eye(len(classes))[label]

    def balanced(weights: np.ndarray) -> np.ndarray:
        recalls = (weights[:, None] * hits) @ of_class / (weights @ of_class)[:, None]
        before, after = recalls.mean(axis=2).T
        return np.stack([before, after, after - before], axis=1)

    estimates = bootstrap(balanced, number_groups(label, table["group"].tolist())).estimates()
    rows = {
        name: {
            "balanced_accuracy": estimate.model_dump(mode="json"),
            "macro_f1": round(f1_score(label, p.argmax(axis=1), average="macro"), 4),
            "accuracy": round(accuracy_score(label, p.argmax(axis=1)), 4),
            "macro_auc": round(roc_auc_score(label, p, multi_class="ovr"), 4),
        }
        for (name, p), estimate in zip(found.items(), estimates, strict=False)
    }
    return rows | {"difference": estimates[2].model_dump(mode="json")}


def _numbers(table: pd.DataFrame, classes: list[str]) -> np.ndarray:
    return table["label"].map({name: number for number, name in enumerate(classes)}).to_numpy()


if __name__ == "__main__":
    main()
