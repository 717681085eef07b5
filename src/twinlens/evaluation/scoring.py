"""Scores of predictions: every metric, the scores of each class, and the confusion matrix."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from twinlens.errors import UserError
from twinlens.evaluation.confusion import confusion_matrix, f1, precision, recall, support
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.metrics.metric import Metric
from twinlens.records.scores import ClassScores, PartScores
from twinlens.types import Rows


def score_predictions(
    labels: Rows, probabilities: Float[ndarray, "image class"], classes: Sequence[str]
) -> PartScores:
    """Compute all scores of predictions; the class with the highest probability is predicted.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        classes: Class names in order.

    Raises:
        UserError: There are no images, one has no label, or a probability is not finite.
    """
    check_predictions(labels, probabilities)
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(classes))
    columns = (of(confusion).tolist() for of in (precision, recall, f1, support))
    return PartScores(
        n=len(labels),
        metrics={
            name: value
            for name, metric in METRICS.items()
            if np.isfinite(value := _value(metric, confusion, labels, probabilities))
        },
        per_class={
            name: ClassScores(precision=p, recall=r, f1=f, support=n)
            for name, p, r, f, n in zip(classes, *columns, strict=True)
        },
        confusion=confusion.tolist(),
    )


def _value(
    metric: Metric,
    confusion: Num[ndarray, "class class"],
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
) -> float:
    if metric.of_confusion:
        return float(metric.of_confusion(confusion))
    assert metric.of_probabilities  # a metric has one of the two
    return float(metric.of_probabilities(labels, probabilities))


def check_predictions(labels: Rows, probabilities: Float[ndarray, "image class"]) -> None:
    """Refuse what cannot be scored.

    Raises:
        UserError: There are no images, one has no label, or a probability is not finite.
    """
    if not len(labels):
        raise UserError("There are no images to evaluate: check the counts of the split.")
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise UserError(
            f"{unlabelled} of the {len(labels)} images to evaluate have no label: "
            "choose a split whose images are labelled."
        )
    bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if bad:
        raise UserError(
            f"The model's probabilities are not finite for {bad} of {len(labels)} images: "
            "its training diverged; train again with a lower learning rate."
        )
