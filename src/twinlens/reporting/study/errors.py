"""The section on errors: the validation images that the best model gets wrong with confidence.

Validation images, not test images: whoever looks at errors may act on them.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from twinlens.data.dataset import Dataset, open_dataset
from twinlens.errors import UserError
from twinlens.inference.predictions_table import read_predictions
from twinlens.reporting.formatting import percent
from twinlens.reporting.gallery import Entry, Gallery, show_image
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy

_SHOWN = 24


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the gallery that the template shows, or why there is none."""
    run = _best_run(study)
    if run is None or run.training is None:
        return {"gallery": None, "reason": "No model was selected on validation images."}
    try:
        dataset = open_dataset(Path(run.training.request.dataset))
    except UserError:
        dataset = None
    if dataset is None or dataset.hash != run.data.hash:
        return {"gallery": None, "reason": "The data set is not where it was during the study."}
    errors = confident_errors(read_predictions(run.folder))
    return {"gallery": _gallery(dataset, errors), "run": run, "reason": "It made no error."}


def confident_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the misclassified validation images, the most confident errors first.

    Args:
        predictions: A table of `inference.predictions_table`.

    Returns:
        Columns id, label, predicted, and the probabilities ``confidence`` of the predicted class
        and ``of_label`` of the true one.
    """
    val = predictions[predictions["split"] == "val"].reset_index(drop=True)
    probabilities = val.filter(regex="^p_").rename(columns=lambda name: name.removeprefix("p_"))
    columns = probabilities.columns.get_indexer(pd.Index(val["label"]))
    table = val[["id", "label"]].assign(
        predicted=probabilities.idxmax(axis=1),
        confidence=probabilities.max(axis=1),
        of_label=probabilities.to_numpy()[val.index, columns],
    )
    wrong = table[table["predicted"] != table["label"]]
    return wrong.sort_values("confidence", ascending=False, kind="stable", ignore_index=True)


def _best_run(study: StoredStudy) -> StoredRun | None:
    best = study.results.best
    name = best.members[0] if best else ""
    return next((run for run in study.runs_of("train") if run.name == name), None)


def _gallery(dataset: Dataset, errors: pd.DataFrame) -> Gallery | None:
    show = show_image(dataset)
    entries = [
        Entry(
            [
                show(
                    row["id"],
                    [(f"predicted {row['predicted']}, {percent(row['confidence'])}", True)],
                )
            ],
            f"labelled {row['label']}, {percent(row['of_label'])}",
        )
        for row in errors.head(_SHOWN).to_dict("records")
    ]
    return Gallery("Most confident errors", entries, len(errors)) if entries else None
