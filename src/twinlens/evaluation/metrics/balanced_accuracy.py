"""Balanced accuracy: the mean recall over classes."""

from twinlens.evaluation.confusion import Confusion, recall, support
from twinlens.evaluation.metrics.metric import Metric, Values


def balanced_accuracy(confusion: Confusion) -> Values:
    """Return the mean recall of the classes that have images, as scikit-learn does."""
    present = support(confusion) > 0
    values: Values = recall(confusion).sum(axis=-1) / present.sum(axis=-1)
    return values


METRIC = Metric("Balanced accuracy", "balanced accuracy", of_confusion=balanced_accuracy)
