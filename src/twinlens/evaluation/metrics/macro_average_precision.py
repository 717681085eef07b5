"""Macro average precision: the mean average precision of each class against the rest."""

from twinlens.evaluation.metrics.metric import Metric
from twinlens.evaluation.probabilities.one_vs_rest import (
    mean_over_classes,
    weighted_mean_over_classes,
)
from twinlens.evaluation.probabilities.ranking import average_precision, precision_average

METRIC = Metric(
    "Macro average precision",
    "macro average precision",
    of_probabilities=mean_over_classes(precision_average),
    of_weights=weighted_mean_over_classes(average_precision),
    main=False,
)
