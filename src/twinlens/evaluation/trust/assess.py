"""What an evaluation adds to its metrics: when to trust the model, and examples with reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.data.quality import measure
from twinlens.errors import UserError, require
from twinlens.evaluation.test_set import Model, TestSet
from twinlens.evaluation.trust.examples import Evaluated, Explained, explain
from twinlens.evaluation.trust.flagged import poor_photographs, unlike_images
from twinlens.evaluation.trust.reliability import Knowledge, reliability
from twinlens.evaluation.trust.subgroups import attributes
from twinlens.evaluation.trust.trained import TrainedNetwork, trained_network, training_rows
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
    known: Knowledge,
    fabric: Fabric,
    *,
    images: bool = True,
) -> Assessed:
    """Assess the predictions of every data set.

    Args:
        request: What is asked for.
        model: The model.
        sets: The evaluated images, by the name of their data set; those of the training's first.
        tables: Their predictions.
        known: What is known of the model beside these.
        fabric: Gives device and precision.
        images: Whether images may be read, for the check for poor photographs.

    Raises:
        UserError: Coverage, prevalence or subgroups are wrong; or an explanation is asked for that
            lacks captum or the training images.
    """
    if request.explain:
        require("captum.attr", extra="explain")
    first = next(iter(sets.values()))
    train = training_rows(first)
    columns = request.subgroups.split(",") if request.subgroups else None
    trained = trained_network(model, first, fabric) if request.explain else None
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
        checked = _photographs(first.data, train, test_set, known, table) if images else ([], [])
        flags, notes = checked
        if trained:
            evaluated.append(_evaluated(trained, name, test_set, known, table))
            flags += _unlike(trained, evaluated[-1])
        update = {"flagged": flags, "notes": [*assessed.notes, *notes]}
        found.append(assessed.model_copy(update=update))
    return Assessed(found, explain(evaluated, trained) if trained else None)


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


def _evaluated(
    trained: TrainedNetwork, name: str, test_set: TestSet, known: Knowledge, table: pd.DataFrame
) -> Evaluated:
    labels, p, groups = known.arrays(table)
    data, rows = test_set.data, test_set.rows
    features = trained.features(data.images, rows)
    return Evaluated(
        name=name,
        ids=data.table["id"].iloc[rows].tolist(),
        groups=groups,
        images=lambda places: data.images[rows[places]],
        labels=labels,
        probabilities=p,
        features=features,
        unlike=trained.unlike.score(features) if trained.unlike else None,
    )


def _unlike(trained: TrainedNetwork, each: Evaluated) -> list[Flagged]:
    if not trained.unlike:
        return []
    wrong = each.probabilities.argmax(axis=1) != each.labels
    return [unlike_images(trained.unlike, each.features, each.labels, wrong, each.groups)]
