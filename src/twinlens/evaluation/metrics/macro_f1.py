"""Macro F1: the mean F1 over classes."""

from twinlens.evaluation.confusion import Confusion, f1, predicted, support
from twinlens.evaluation.metrics.metric import Metric, Values


def macro_f1(confusion: Confusion) -> Values:
    """Return the mean F1 of the classes that have images or are predicted (scikit-learn's)."""
    occurring = support(confusion) + predicted(confusion) > 0
    values: Values = f1(confusion).sum(axis=-1) / occurring.sum(axis=-1)
    return values


METRIC = Metric("Macro F1", "macro F1", of_confusion=macro_f1)
