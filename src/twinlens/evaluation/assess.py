"""What an evaluation adds to its metrics: when to trust the model, and examples with reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.data.quality import measure
from twinlens.errors import UserError, require
from twinlens.evaluation.examples import Evaluated, Explained, explain
from twinlens.evaluation.flagged import poor_photographs, unlike_images
from twinlens.evaluation.reliability import Knowledge, reliability
from twinlens.evaluation.subgroups import attributes
from twinlens.evaluation.test_set import BATCH_SIZE, Model, TestSet
from twinlens.evaluation.unlike_training import UnlikeTraining, fit_unlike_training
from twinlens.inference.embed import embed
from twinlens.inference.embedding_index import EmbeddingIndex
from twinlens.inference.test_time import Probabilities
from twinlens.models.bundle import Bundle, load_bundle
from twinlens.records.reliability import Flagged, Reliability
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.types import Rows

_OTHER_SIZE = (
    "Sharpness and exposure were not compared with the training images, which have another size."
)
_NO_TRAINING = (
    "The training images are not in the first data set, so no image was compared with them."
)


@dataclass(frozen=True)
class Assessed:
    """Reliability on each data set, and the examples, if they were asked for."""

    reliability: list[Reliability]
    explained: Explained | None


def prevalence_of(text: str | None) -> Mapping[str, float] | None:
    """Read a prevalence such as ``MEL=0.1,NV=0.8``; None without one.

    Raises:
        UserError: It has another form.
    """
    if text is None:
        return None
    try:
        pairs = (part.split("=") for part in text.split(","))
        return {name.strip(): float(fraction) for name, fraction in pairs}
    except ValueError as error:
        raise UserError(
            f"--prevalence {text} is wrong: write classes and fractions, as in MEL=0.1,NV=0.8."
        ) from error


def assess(
    request: EvaluateRequest,
    model: Model,
    sets: Mapping[str, TestSet],
    tables: Sequence[pd.DataFrame],
    validation: pd.DataFrame | None,
    temperature: float | None,
    fabric: Fabric,
) -> Assessed:
    """Assess the predictions of every data set.

    Args:
        request: What is asked for.
        model: The model.
        sets: The evaluated images, by the name of their data set; those of the training's first.
        tables: Their predictions.
        validation: Predictions of validation images; None without any.
        temperature: Temperature of the probabilities; None for none.
        fabric: Gives device and precision.

    Raises:
        UserError: Coverage, prevalence or subgroups are wrong; or an explanation is asked for that
            lacks captum or the training images.
    """
    if request.explain:
        require("captum.attr", extra="explain")
    first = next(iter(sets.values()))
    train = first.part_of("train") if first.internal else np.zeros(0, np.int64)
    train = train[first.data.labels[train] >= 0]
    known = Knowledge(model.info.classes, validation, temperature)
    columns = request.subgroups.split(",") if request.subgroups else None
    trained = _Trained.of(model, first, train, fabric) if request.explain else None
    found, evaluated = [], []
    for (name, test_set), table in zip(sets.items(), tables, strict=True):
        about = test_set.data.table.iloc[test_set.rows].reset_index(drop=True)
        assessed = reliability(
            table,
            attributes(about, columns),
            known,
            coverage=request.coverage,
            prevalence=prevalence_of(request.prevalence),
        )
        flags, notes = _photographs(first.data, train, test_set, known, table)
        if trained:
            each, unlike = trained.evaluated(name, test_set, known, table)
            evaluated.append(each)
            flags += unlike
        update = {"flagged": flags, "notes": [*assessed.notes, *notes]}
        found.append(assessed.model_copy(update=update))
    explained = None
    if trained:
        explained = explain(evaluated, trained.bundle, trained.index, first.data, fabric)
    return Assessed(found, explained)


def _photographs(
    data: Dataset, train: Rows, test_set: TestSet, known: Knowledge, table: pd.DataFrame
) -> tuple[list[Flagged], list[str]]:
    if not len(train):
        return [], [_NO_TRAINING]
    if test_set.data.size != data.size:
        return [], [_OTHER_SIZE]
    labels, p, groups = known.arrays(table)
    usual, measures = measure(data.images[train]), measure(test_set.data.images[test_set.rows])
    wrong = p.argmax(axis=1) != labels
    return [poor_photographs(measures, usual, labels, wrong, groups)], []


@dataclass(frozen=True)
class _Trained:
    """The first of a model's networks, with the images that it was trained on.

    Attributes:
        bundle: The network, on Fabric's device.
        index: Its labelled training images.
        unlike: How unlike these an image is; None without validation images.
        fabric: Gives device and precision.
    """

    bundle: Bundle
    index: EmbeddingIndex
    unlike: UnlikeTraining | None
    fabric: Fabric

    @classmethod
    def of(cls, model: Model, first: TestSet, train: Rows, fabric: Fabric) -> "_Trained":
        if not len(train):
            raise UserError(
                f"{first.data.path} does not hold the images that {model.folder} was trained on, "
                "which --explain compares with: name that data set first."
            )
        bundle = load_bundle(next(iter(model.members)))
        bundle.encoder.to(fabric.device)
        bundle.head.to(fabric.device)
        known = first.data.table.iloc[train]
        features = _features(bundle, first.data, train, fabric)
        index = EmbeddingIndex(features, known["id"].tolist(), known["label"].tolist())
        val = first.part_of("val")
        unlike = None
        if len(val):
            unlike = fit_unlike_training(index, _features(bundle, first.data, val, fabric))
        return cls(bundle, index, unlike, fabric)

    def evaluated(
        self, name: str, test_set: TestSet, known: Knowledge, table: pd.DataFrame
    ) -> tuple[Evaluated, list[Flagged]]:
        labels, p, groups = known.arrays(table)
        features = _features(self.bundle, test_set.data, test_set.rows, self.fabric)
        flags, scores = [], None
        if self.unlike:
            scores, wrong = self.unlike.score(features), p.argmax(axis=1) != labels
            flags = [unlike_images(self.unlike, features, labels, wrong, groups)]
        rows = test_set.rows
        return Evaluated(name, test_set.data, rows, labels, p, features, scores), flags


def _features(bundle: Bundle, data: Dataset, rows: Rows, fabric: Fabric) -> Probabilities:
    return embed(
        bundle.encoder,
        reader(data.images, rows, fabric.device),
        rows,
        size=bundle.info.size,
        batch_size=BATCH_SIZE,
        autocast=fabric.autocast,
    )
