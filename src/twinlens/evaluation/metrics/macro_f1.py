"""Macro F1: the mean F1 over classes."""

from jaxtyping import Float, Num
from numpy import ndarray

from twinlens.evaluation.confusion import f1, predicted, support
from twinlens.evaluation.metrics.metric import Metric


def macro_f1(confusion: Num[ndarray, "*any class class"]) -> Float[ndarray, "*any"]:
    """Return the mean F1 of the classes that have images or are predicted (scikit-learn's)."""
    occurring = support(confusion) + predicted(confusion) > 0
    values: Float[ndarray, "*any"] = f1(confusion).sum(axis=-1) / occurring.sum(axis=-1)
    return values


METRIC = Metric("Macro F1", "macro F1", of_confusion=macro_f1)
