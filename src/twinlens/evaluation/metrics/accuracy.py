"""Accuracy: the fraction of images whose class is predicted."""

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from twinlens.evaluation.metrics.metric import Metric


def accuracy(confusion: Num[ndarray, "*any class class"]) -> Float[ndarray, "*any"]:
    """Return trace / images."""
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    values: Float[ndarray, "*any"] = correct / confusion.sum(axis=(-2, -1))
    return values


METRIC = Metric("Accuracy", "accuracy", of_confusion=accuracy)
