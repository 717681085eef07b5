"""Evaluating a model on labelled images: of the data set that it was trained on, and of others."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from lightning_fabric import Fabric
from torch import nn

from twinlens.console import say
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.data.provenance import transductive
from twinlens.data.table import SPLITS
from twinlens.engine.device import make_fabric
from twinlens.engine.environment import describe_environment
from twinlens.errors import UserError, unknown
from twinlens.evaluation.arm import open_arm
from twinlens.evaluation.by_column import divided
from twinlens.evaluation.class_map import ClassMap, read_class_map
from twinlens.evaluation.data_set_evaluation import Measured, choose, measure
from twinlens.evaluation.isic_csv import write_isic_csv
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.test_set import (
    BATCH_SIZE,
    Model,
    TestSet,
    open_model,
    open_test_set,
    predictions,
)
from twinlens.evaluation.trust.assess import assess
from twinlens.evaluation.trust.examples import Explained, write_examples
from twinlens.evaluation.trust.reliability import Knowledge
from twinlens.files import atomic_folder
from twinlens.inference.predictions_table import PREDICTIONS, predictions_table
from twinlens.inference.test_time import predict_probabilities
from twinlens.models.encoders import Encoder
from twinlens.parquet import write_table
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.records.evaluation import EVALUATION, DataSetEvaluation, Drop, EvaluationRecord
from twinlens.records.scores import PartScores
from twinlens.requests.base import accepts
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.types import Rows


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
def evaluate(request: EvaluateRequest) -> EvaluationRecord:
    """Evaluate a model on one or several labelled data sets.

    The folder `out`, if any, holds evaluation.json and predictions.parquet.

    Returns:
        What evaluation.json holds; ``evaluation.metrics["accuracy"]`` is a metric on the first
        data set, ``evaluation.data`` all that was measured on each of them.

    Raises:
        UserError: Model and data do not fit, or there is no such part.
    """
    model = _open_model(request)
    return evaluate_model(request, model, make_fabric(model.info.precision, request.device))


def evaluate_model(
    request: EvaluateRequest, model: Model, fabric: Fabric, *, images: bool = True
) -> EvaluationRecord:
    """Evaluate a model that is open already; see `evaluate`.

    Args:
        request: What is asked for.
        model: The model that it names.
        fabric: Gives device and precision.
        images: Whether images may be read, for the check for poor photographs.
    """
    split, _, part = request.split.rpartition(":")
    if part not in SPLITS:
        raise UserError(
            f"{unknown('part of a split', part, SPLITS)} The part of one of several splits is "
            "named as SPLIT:test."
        )
    classes = model.info.classes
    positive = positive_side(request.positive, classes, model.info.class_info)
    sets = _open_all(model, request, split or None, part)
    if request.isic_csv and len(sets) > 1:
        raise UserError("--isic-csv writes the predictions of one data set: name one.")
    first = next(iter(sets.values()))
    val = _validation(model, first, part, fabric)
    chooser = choose(val, classes, model.temperature)
    tables, measured, records = [], [], []
    for number, (name, test_set) in enumerate(sets.items()):
        table, stored = predictions(model, test_set.data, test_set.rows, test_set.part, fabric)
        found = measure(table, classes, positive, chooser, seed=number)
        records.append(_describe(name, test_set, found, model, stored=stored))
        measured.append(found)
        tables.append(table.assign(dataset=name))
    assessed = None
    if request.out is not None:
        known = Knowledge(classes, val, chooser.temperature)
        assessed = assess(request, model, sets, tables, known, fabric, images=images)
        records = [
            record.model_copy(update={"reliability": reliability})
            for record, reliability in zip(records, assessed.reliability, strict=True)
        ]
    record = EvaluationRecord(
        request=request,
        members=[str(folder) for folder in model.members],
        classes=classes,
        class_info=model.info.class_info,
        test_time=[info.test_time for info in model.members.values()],
        environment=describe_environment(fabric),
        data=records,
        drops=_drops([*sets], measured),
    )
    if request.isic_csv:
        write_isic_csv(Path(request.isic_csv), tables[0], classes)
    if assessed is not None:
        if val is not None:
            tables.append(val.assign(dataset=records[0].name))
        _write(record, pd.concat(tables, ignore_index=True), assessed.explained)
    return record


def _open_model(request: EvaluateRequest) -> Model:
    folder, arm, fraction = Path(request.model), request.arm, request.label_fraction
    if arm is not None:
        return open_arm(folder, arm, fraction, request.tta, recompute=request.recompute)
    if fraction is not None:
        raise UserError("--label-fraction chooses among the runs of an arm: give --arm too.")
    return open_model(folder, request.tta, recompute=request.recompute)


def _open_all(
    model: Model, request: EvaluateRequest, split: str | None, part: str
) -> dict[str, TestSet]:
    """Open the images to evaluate, by name."""
    mapped: ClassMap = {}
    if request.class_map:
        mapped = read_class_map(Path(request.class_map), model.info.classes)
    sets = [open_test_set(model, path, split, part, mapped) for path in request.dataset_paths]
    unused = [name for name in mapped if not any(name in of.class_map for of in sets)]
    if unused:
        say(f"{request.class_map} names classes that no data set has: {', '.join(unused)}.")
    named = dict(zip(_names(request.dataset_paths), sets, strict=True))
    if request.by:
        if len(sets) > 1:
            raise UserError("--by divides the images of one data set: name one.")
        named = divided(sets[0], request.by)
    notices = (transductive(info.provenance.history) for info in model.members.values())
    if notice := next(filter(None, notices), None):
        say(notice)
    return named


def _validation(model: Model, first: TestSet, part: str, fabric: Fabric) -> pd.DataFrame | None:
    """Return the predictions of the validation images, unless it is these that are evaluated."""
    rows = first.part_of("val")
    if not first.internal or part == "val" or not len(rows):
        return None
    return predictions(model, first.data, rows, "val", fabric)[0]


def _describe(
    name: str, test_set: TestSet, measured: Measured, model: Model, *, stored: bool
) -> DataSetEvaluation:
    """Describe what was evaluated; what a user must know is also said."""
    data, per_class = test_set.data, measured.by_image.per_class
    absent = [c for c, of_class in per_class.items() if not of_class.support]
    notes = test_set.notes(model.info.size)
    if absent:
        notes.append(
            f"No image of {', '.join(absent)} is in '{test_set.part}': all classes of the model "
            "may be predicted, and means over classes are over those that occur."
        )
    for note in notes:
        say(note)
    return DataSetEvaluation(
        name=name,
        path=str(data.path),
        data_hash=data.hash,
        part=test_set.part,
        internal=test_set.internal,
        stored=stored,
        size=data.size,
        class_map=dict(test_set.class_map),
        left_out=test_set.left_out,
        absent=absent,
        by_image=measured.by_image,
        by_group=measured.by_group,
        binary=measured.binary,
        calibration=measured.calibration,
        notice=data.record.notice,
        notes=notes,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a short name for each data set: its folder's, or the path where two are alike."""
    short = [path.resolve().name for path in paths]
    if len(set(short)) == len(short):
        return short
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError("A data set is named twice: name each once.")
    return [str(path) for path in paths]


def _drops(names: Sequence[str], measured: Sequence[Measured]) -> list[Drop]:
    """Compare each further data set with the first; their images are independent."""
    first, *others = measured
    return [
        Drop(metric=metric, external=name, difference=difference)
        for name, other in zip(names[1:], others, strict=True)
        for metric, difference in zip(
            METRICS, other.resampled.minus(first.resampled).estimates(), strict=False
        )
    ]


def _write(record: EvaluationRecord, table: pd.DataFrame, explained: Explained | None) -> None:
    assert record.request.out  # else nothing is written
    out, overwrite = Path(record.request.out), record.request.overwrite
    with atomic_folder(out, marker=EVALUATION, overwrite=overwrite) as folder:
        write_table(folder / PREDICTIONS, table)
        if explained:
            write_examples(folder, explained)
        record.write(folder / EVALUATION)
