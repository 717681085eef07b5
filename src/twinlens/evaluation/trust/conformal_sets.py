"""How often conformal sets hold the true class, and how large they are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.probabilities.ranking import Weights
from twinlens.evaluation.trust.conformal import ConformalPredictor
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.records.reliability import ConformalSets
from twinlens.types import Rows


def conformal_scores(
    predictor: ConformalPredictor,
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
    classes: Sequence[str],
    groups: Sequence[str],
) -> ConformalSets:
    """Return coverage and size of the sets, with intervals; each group counts once.

    Args:
        predictor: A calibrated predictor.
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        classes: Names of the classes.
        groups: Name of each image's group, none of them among the calibration images.
    """
    sets = predictor.predict(probabilities)
    size, right = sets.sum(axis=1), sets[np.arange(len(labels)), labels]
    of_image = np.stack([right, size, size == 1, size == 0], axis=1).astype(np.float64)
    is_class = (labels[:, None] == np.arange(len(classes))).astype(np.float64)
    numbered = number_groups(labels, groups)
    share = 1 / np.bincount(numbered.of_image)[numbered.of_image]

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        w = weights * share
        images = w @ is_class
        covered = (w @ (is_class * right[:, None])) / np.where(images > 0, images, np.nan)
        return np.hstack([w @ of_image / w.sum(axis=1, keepdims=True), covered])

    coverage, mean, single, empty, *of_class = bootstrap(numbers, numbered).estimates()
    return ConformalSets(
        by_class=predictor.by_class,
        wanted=predictor.coverage,
        calibration=dict(zip(classes, predictor.counts.tolist(), strict=True)),
        needed=predictor.needed,
        always_included=[classes[c] for c in predictor.always_included],
        coverage=coverage,
        size=mean,
        single=single,
        empty=empty,
        of_class=dict(zip(classes, of_class, strict=True)),
    )
