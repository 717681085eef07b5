"""Matthews correlation coefficient of several classes (Gorodkin 2004)."""

import numpy as np

from twinlens.evaluation.confusion import Confusion, predicted, support
from twinlens.evaluation.metrics.metric import Metric, Values


def mcc(confusion: Confusion) -> Values:
    """Return the correlation of labels and predictions.

    It is 0, as in scikit-learn, where all images have one class or one prediction.
    """
    images = confusion.sum(axis=(-2, -1))
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    true, guessed = support(confusion), predicted(confusion)
    covariance = correct * images - (true * guessed).sum(axis=-1)
    variances = [images.astype(float) ** 2 - (of**2.0).sum(axis=-1) for of in (true, guessed)]
    product = variances[0] * variances[1]
    return np.where(product > 0, covariance / np.sqrt(np.where(product > 0, product, 1)), 0.0)[()]


METRIC = Metric(
    "Matthews correlation", "Matthews correlation", of_confusion=mcc, main=False
)  # fmt: skip
