"""Metrics: one file each, which holds a `Metric`; see docs/extending.md."""

from twinlens.evaluation.metrics.metric import Metric
from twinlens.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "accuracy": "twinlens.evaluation.metrics.accuracy:METRIC",
        "balanced_accuracy": "twinlens.evaluation.metrics.balanced_accuracy:METRIC",
        "macro_f1": "twinlens.evaluation.metrics.macro_f1:METRIC",
        "weighted_f1": "twinlens.evaluation.metrics.weighted_f1:METRIC",
        "cohen_kappa": "twinlens.evaluation.metrics.cohen_kappa:METRIC",
        "mcc": "twinlens.evaluation.metrics.mcc:METRIC",
        "top_2_accuracy": "twinlens.evaluation.metrics.top_2_accuracy:METRIC",
        "macro_auc": "twinlens.evaluation.metrics.macro_auc:METRIC",
        "macro_average_precision": "twinlens.evaluation.metrics.macro_average_precision:METRIC",
    },
    group="twinlens.metrics",
)
"""Metrics that are one number for a set of images, in the order in which they are shown."""
