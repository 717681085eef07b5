"""Balanced accuracy: the mean recall over classes."""

from jaxtyping import Float, Num
from numpy import ndarray

from twinlens.evaluation.confusion import recall, support
from twinlens.evaluation.metrics.metric import Metric


def balanced_accuracy(confusion: Num[ndarray, "*any class class"]) -> Float[ndarray, "*any"]:
    """Return the mean recall of the classes that have images, as scikit-learn does."""
    present = support(confusion) > 0
    values: Float[ndarray, "*any"] = recall(confusion).sum(axis=-1) / present.sum(axis=-1)
    return values


METRIC = Metric("Balanced accuracy", "balanced accuracy", of_confusion=balanced_accuracy)
