"""Evaluating a model on a part of a split: metrics and per-image predictions.

The data set may lack classes of the model, and its images may have another size.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from lightning_fabric import Fabric
from torch import nn

from twinlens.console import say
from twinlens.data.batches import Reader, reader
from twinlens.data.class_subset import select_classes
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.data.splits import Split, open_split
from twinlens.data.table import SPLITS
from twinlens.engine.device import make_fabric
from twinlens.engine.environment import describe_environment
from twinlens.errors import UserError, unknown
from twinlens.evaluation.scoring import score_predictions
from twinlens.files import atomic_file, atomic_folder
from twinlens.inference.predictions_table import predictions_table
from twinlens.inference.test_time import predict_ensemble, predict_probabilities
from twinlens.models.encoders import Encoder
from twinlens.models.ensemble import read_members
from twinlens.records.bundle import BundleInfo, TestTimeAugmentation
from twinlens.records.evaluation import EVALUATION, EvaluationRecord
from twinlens.records.scores import PartScores, Scores
from twinlens.requests.base import accepts
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.types import Rows
from twinlens.views.view import clean_view

BATCH_SIZE = 256


def score(
    encoder: Encoder,
    head: nn.Module,
    data: Dataset,
    rows: Rows,
    part: str,
    *,
    tta: TestTimeAugmentation,
    fabric: Fabric,
    size: int | None = None,
) -> tuple[PartScores, pd.DataFrame]:
    """Predict labelled images and compare with their labels.

    Args:
        encoder: On the engine's device.
        head: Likewise.
        data: Where the images are.
        rows: Which images.
        part: Name of the split's part that they are, for the table.
        tta: Test-time augmentation.
        fabric: The engine.
        size: Side of the views in pixels; by default the data set's.

    Returns:
        The scores and the table of predictions (see `predictions_table`).
    """
    probabilities = predict_probabilities(
        encoder,
        head,
        reader(data.images, rows, fabric.device),
        rows,
        tta=tta,
        size=size or data.size,
        batch_size=BATCH_SIZE,
        autocast=fabric.autocast,
    )
    scores = score_predictions(data.labels[rows], probabilities, data.classes)
    return scores, predictions_table(data, rows, part, probabilities, data.classes)


@accepts(EvaluateRequest)
def evaluate(request: EvaluateRequest) -> PartScores:
    """Evaluate a model on a part of a data set.

    The folder `out`, if any, holds metrics.json, predictions.parquet and evaluation.json.

    Returns:
        The scores; ``scores.metrics["accuracy"]`` is a metric.

    Raises:
        UserError: Model and data do not fit, or there is no such part.
    """
    if request.tta is not None and request.tta < 1:
        raise UserError(f"--tta {request.tta} must be 1 or more: 1 is the image alone.")
    name, _, part = request.split.rpartition(":")
    if part not in SPLITS:
        raise unknown("part of a split", part, SPLITS)
    members, data, chosen = _open(request.model, request.dataset, name or None)
    rows = chosen.rows[part]
    if not len(rows):
        raise UserError(f"The part '{part}' of the split of {request.dataset} is empty.")
    if request.tta:
        members = {path: _with_views(info, request.tta) for path, info in members.items()}
    first = next(iter(members.values()))
    fabric = make_fabric(first.precision, request.device)
    read = _at_size(reader(data.images, rows, fabric.device), data, first.size)
    probabilities = predict_ensemble(members, read, rows, batch_size=BATCH_SIZE, fabric=fabric)
    labels = _numbers(data.table["label"].iloc[rows], first.classes)
    scores = score_predictions(labels, probabilities, first.classes)
    absent = [name for name, of_class in scores.per_class.items() if not of_class.support]
    if absent:
        say(
            f"No image of {', '.join(absent)} is in '{part}': all classes of the model may be "
            "predicted, and means over classes are over those that occur."
        )
    if request.out is not None:
        evaluation = EvaluationRecord(
            request=request,
            data_hash=data.hash,
            test_time=[info.test_time for info in members.values()],
            environment=describe_environment(fabric),
        )
        table = predictions_table(data, rows, part, probabilities, first.classes)
        out, overwrite = Path(request.out), request.overwrite
        with atomic_folder(out, marker=EVALUATION, overwrite=overwrite) as folder:
            Scores(parts={part: scores}).write(folder / "metrics.json")
            with atomic_file(folder / "predictions.parquet") as temporary:
                table.to_parquet(temporary, index=False)
            evaluation.write(folder / EVALUATION)
    return scores


def _open(
    model: Path | str, dataset: Path | str, split: str | None
) -> tuple[dict[Path, BundleInfo], Dataset, Split]:
    """Open a model's bundles and what they are to be evaluated on, and check that they fit."""
    members = read_members(Path(model))
    first = next(iter(members.values()))
    data = open_dataset(dataset)
    chosen = open_split(data, split)
    shared = [name for name in data.classes if name in first.classes]
    if first.provenance.classes:  # a task of some classes: images of others are no part of it
        data, chosen = select_classes(data, chosen, shared)
    elif shared != data.classes or not shared:
        strange = ", ".join(name for name in data.classes if name not in first.classes)
        raise UserError(
            f"{data.path} has classes that the model does not know ({strange or 'none at all'}); "
            f"it knows {', '.join(first.classes)}: import the images with these names."
        )
    for info in members.values():
        refuse_other_split(data, chosen, info.provenance.history, what=str(model))
    notices = (transductive(info.provenance.history) for info in members.values())
    if notice := next(filter(None, notices), None):
        say(notice)
    return members, data, chosen


def _at_size(read: Reader, data: Dataset, size: int) -> Reader:
    """Return a reader of images at the size that the model was trained at."""
    if data.size == size:
        return read
    say(
        f"The images of {data.path} have {data.size} pixels: they are resized to the {size} that "
        "the model was trained at."
    )
    return lambda rows: clean_view(read(rows), size)


def _numbers(labels: pd.Series, classes: Sequence[str]) -> Rows:
    """Return the place of each label among the model's classes; -1 where there is none."""
    return pd.Index(classes).get_indexer(pd.Index(labels)).astype(np.int64)


def _with_views(info: BundleInfo, views: int) -> BundleInfo:
    return info.model_copy(update={"test_time": info.test_time.model_copy(update={"views": views})})
