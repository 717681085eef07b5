"""How good the predictions are: scikit-learn's metrics, arranged for ``metrics.json``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from twinlens.errors import UserError
from twinlens.types import Rows

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")
"""Metrics that are one number for a set of images."""


def metrics(
    labels: Rows, probabilities: Float[ndarray, "image class"], classes: Sequence[str]
) -> dict[str, Any]:
    """Compute the metrics of predictions; the class with the highest probability counts.

    Where a class is absent: balanced accuracy is the mean recall of the classes that have images
    (scikit-learn's definition), macro F1 the mean over the classes that have images or are
    predicted (scikit-learn's default). A ratio without a denominator is 0 in ``per_class``.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        classes: Class names in order.

    Returns:
        `METRICS`, ``per_class`` (precision, recall, f1, support), ``confusion`` (a row for each
        true class, a column for each predicted one) and the number of images ``n``.

    Raises:
        UserError: There are no images, one has no label, or a probability is not a number.
    """
    _check(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    numbers = range(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=0
    )
    confusion = confusion_matrix(labels, predicted, labels=numbers)
    occurring = (support > 0) | (confusion.sum(axis=0) > 0)
    columns = zip(classes, precision, recall, f1, support, strict=True)
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "macro_f1": float(f1[occurring].mean()),
        "weighted_f1": float(np.average(f1, weights=support)),
        "per_class": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            for name, p, r, f, n in columns
        },
        "confusion": confusion.tolist(),
        "n": len(labels),
    }


def _check(labels: Rows, probabilities: Float[ndarray, "image class"]) -> None:
    if not len(labels):
        raise UserError("There are no images to evaluate: look at the split's counts.")
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise UserError(
            f"{unlabelled} of the {len(labels)} images to evaluate have no label: "
            "choose a split whose images are labelled."
        )
    bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if bad:
        raise UserError(
            f"The model's probabilities are not numbers for {bad} of {len(labels)} images: "
            "its training diverged; train again with a lower learning rate."
        )
