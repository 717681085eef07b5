"""Weighted F1: the mean F1 over classes, weighted by their number of images."""

from twinlens.evaluation.confusion import Confusion, f1, support
from twinlens.evaluation.metrics.metric import Metric, Values


def weighted_f1(confusion: Confusion) -> Values:
    """Return the mean F1 with each class weighted by its images."""
    images = support(confusion)
    values: Values = (f1(confusion) * images).sum(axis=-1) / images.sum(axis=-1)
    return values


METRIC = Metric("Weighted F1", "weighted F1", of_confusion=weighted_f1, main=False)
