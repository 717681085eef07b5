"""Accuracy: the fraction of images whose class is predicted."""

import numpy as np

from twinlens.evaluation.confusion import Confusion
from twinlens.evaluation.metrics.metric import Metric, Values


def accuracy(confusion: Confusion) -> Values:
    """Return trace / images."""
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    values: Values = correct / confusion.sum(axis=(-2, -1))
    return values


METRIC = Metric("Accuracy", "accuracy", of_confusion=accuracy)
