"""Macro ROC AUC: the mean area under the curve of each class against the rest."""

from twinlens.evaluation.metrics.metric import Metric
from twinlens.evaluation.probabilities.one_vs_rest import (
    mean_over_classes,
    weighted_mean_over_classes,
)
from twinlens.evaluation.probabilities.ranking import area, roc_auc

METRIC = Metric(
    "Macro AUC",
    "macro AUC",
    of_probabilities=mean_over_classes(roc_auc),
    of_weights=weighted_mean_over_classes(area),
    main=False,
)
