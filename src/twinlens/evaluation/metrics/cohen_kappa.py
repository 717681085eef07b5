"""Cohen's kappa: agreement of prediction and label beyond chance (Cohen 1960)."""

import numpy as np

from twinlens.evaluation.confusion import Confusion, predicted, support
from twinlens.evaluation.metrics.metric import Metric, Values


def cohen_kappa(confusion: Confusion) -> Values:
    """Return (o - e) / (1 - e) of the observed agreement o and that expected by chance, e.

    It is undefined (NaN), as in scikit-learn, where chance agrees for certain, since all images
    have one class and one prediction.
    """
    images = confusion.sum(axis=(-2, -1))
    observed = np.trace(confusion, axis1=-2, axis2=-1) / images
    chance = (support(confusion) * predicted(confusion)).sum(axis=-1) / images**2
    certain = chance >= 1
    return np.where(certain, np.nan, (observed - chance) / np.where(certain, 1, 1 - chance))[()]


METRIC = Metric("Cohen's kappa", "Cohen's kappa", of_confusion=cohen_kappa, main=False)
