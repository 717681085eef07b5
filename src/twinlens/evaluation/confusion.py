"""Confusion matrices (rows are true classes), and the ratios of each class.

A ratio without a denominator is 0.
"""

import numpy as np
from jaxtyping import Int, Num
from numpy import ndarray

from twinlens.types import Rows

Confusion = Num[ndarray, "*any class class"]
PerClass = Num[ndarray, "*any class"]


def confusion_matrix(labels: Rows, predictions: Rows, classes: int) -> Int[ndarray, "class class"]:
    """Count images by true and predicted class.

    Args:
        labels: True class of each image, shape (image,).
        predictions: Predicted class, shape (image,).
        classes: Number of classes.
    """
    cells = np.bincount(labels * classes + predictions, minlength=classes**2)
    return cells.reshape(classes, classes)


def support(confusion: Confusion) -> PerClass:
    """Return the number of images of each class."""
    images: PerClass = confusion.sum(axis=-1)
    return images


def predicted(confusion: Confusion) -> PerClass:
    """Return the number of images predicted as each class."""
    images: PerClass = confusion.sum(axis=-2)
    return images


def recall(confusion: Confusion) -> PerClass:
    """Return the fraction of each class's images that is predicted as it."""
    return _ratio(_correct(confusion), support(confusion))


def precision(confusion: Confusion) -> PerClass:
    """Return the fraction of the images predicted as each class that is of it."""
    return _ratio(_correct(confusion), predicted(confusion))


def f1(confusion: Confusion) -> PerClass:
    """Return the harmonic mean of precision and recall of each class."""
    return _ratio(2 * _correct(confusion), support(confusion) + predicted(confusion))


def _correct(confusion: Confusion) -> PerClass:
    diagonal: PerClass = np.diagonal(confusion, axis1=-2, axis2=-1)
    return diagonal


def _ratio(numerator: PerClass, denominator: PerClass) -> PerClass:
    return numerator / np.where(denominator > 0, denominator, 1)
