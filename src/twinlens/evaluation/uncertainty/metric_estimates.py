"""Every metric of predictions, and the scores of each class, with their intervals."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.confusion import (
    confusion_matrix,
    f1,
    precision,
    predicted,
    recall,
    support,
)
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.metrics.metric import Metric
from twinlens.evaluation.probabilities.ranking import Weights, area, average_precision, rank
from twinlens.evaluation.uncertainty.cluster_bootstrap import RESAMPLES, Bootstrap, bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.records.evaluation import ClassEstimates, MetricEstimates
from twinlens.types import Rows

Probabilities = Float[ndarray, "image class"]
PER_CLASS = ("precision", "recall", "f1", "auc", "average_precision")


def resampled_metrics(
    labels: Rows,
    probabilities: Probabilities,
    groups: Sequence[str],
    *,
    per_class: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Bootstrap:
    """Resample every metric, and after these the five scores of every class.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        groups: Name of each image's group.
        per_class: Whether the scores of the classes are wanted.
        resamples: Number of resamples.
        seed: Seed of the resampling.
    """

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        counts = _weighted_confusion(labels, probabilities, weights)
        overall = [
            _metric(metric, counts, labels, probabilities, weights) for metric in METRICS.values()
        ]
        of_classes = _per_class(counts, labels, probabilities, weights) if per_class else []
        return np.concatenate([np.stack(overall, axis=1), *of_classes], axis=1)

    return bootstrap(numbers, number_groups(labels, groups), resamples=resamples, seed=seed)


def metric_estimates(
    labels: Rows,
    probabilities: Probabilities,
    classes: Sequence[str],
    groups: Sequence[str],
    resampled: Bootstrap,
) -> MetricEstimates:
    """Return every metric with its interval.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        classes: Names of the classes.
        groups: Name of each image's group.
        resampled: From `resampled_metrics`.
    """
    estimates = resampled.estimates()
    of_classes = [
        estimates[start : start + len(classes)]
        for start in range(len(METRICS), len(estimates), len(classes))
    ]
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(classes))
    return MetricEstimates(
        n=len(labels),
        groups=len(set(groups)),
        metrics=dict(zip(METRICS, estimates[: len(METRICS)], strict=True)),
        per_class={
            name: ClassEstimates(support=images, **dict(zip(PER_CLASS, values, strict=True)))
            for name, images, *values in zip(
                classes, support(confusion).tolist(), *of_classes, strict=True
            )
        },
        confusion=confusion.tolist(),
    )


def _weighted_confusion(
    labels: Rows, probabilities: Probabilities, weights: Weights
) -> Float[ndarray, "resample class class"]:
    classes = probabilities.shape[1]
    cells = np.zeros((len(labels), classes**2))
    cells[range(len(labels)), labels * classes + probabilities.argmax(axis=1)] = 1
    return (weights @ cells).reshape(-1, classes, classes)


def _metric(
    metric: Metric,
    counts: Float[ndarray, "resample class class"],
    labels: Rows,
    probabilities: Probabilities,
    weights: Weights,
) -> Float[ndarray, " resample"]:
    if metric.of_confusion:
        return np.asarray(metric.of_confusion(counts), dtype=np.float64)
    if metric.of_weights:
        return metric.of_weights(labels, probabilities, weights)
    assert metric.of_probabilities  # a metric has one of the first two
    whole = weights.round().astype(int)  # the jackknife's weights are nearly whole
    drawn = [np.repeat(np.arange(len(labels)), times) for times in whole]
    return np.array([metric.of_probabilities(labels[i], probabilities[i]) for i in drawn])


def _per_class(
    counts: Float[ndarray, "resample class class"],
    labels: Rows,
    probabilities: Probabilities,
    weights: Weights,
) -> list[Float[ndarray, "resample class"]]:
    """Return the scores `PER_CLASS`; a ratio without a denominator is NaN."""
    true, guessed = support(counts), predicted(counts)
    rankings = [rank(labels == c, p, weights) for c, p in enumerate(probabilities.T)]
    return [
        np.where(guessed > 0, precision(counts), np.nan),
        np.where(true > 0, recall(counts), np.nan),
        np.where(true + guessed > 0, f1(counts), np.nan),
        np.stack([area(ranking) for ranking in rankings], axis=1),
        np.stack([average_precision(ranking) for ranking in rankings], axis=1),
    ]
