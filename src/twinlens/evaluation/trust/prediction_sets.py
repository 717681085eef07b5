"""Thresholds of conformal prediction sets that a model carries; see `conformal` for the method."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.data_set_evaluation import Chooser, arrays
from twinlens.evaluation.scoring import check_predictions
from twinlens.evaluation.trust.conformal import one_per_group
from twinlens.inference.temperature import scaled
from twinlens.records.bundle import PredictionSets

COVERAGE = 0.9


def fit_prediction_sets(
    chooser: Chooser, classes: Sequence[str], *, coverage: float = COVERAGE, seed: int = 0
) -> PredictionSets | None:
    """Calibrate thresholds on one validation image of each group.

    Args:
        chooser: Predictions of validation images, and the temperature that they chose.
        classes: Classes of the model.
        coverage: The wanted coverage, between 0 and 1.
        seed: Of the draw within groups.

    Returns:
        The thresholds; None without validation images.
    """
    if chooser.table is None:
        return None
    labels, p, groups = arrays(chooser.table, classes)
    check_predictions(labels, p)
    rows = one_per_group(pd.factorize(np.asarray(groups))[0], seed)
    labels = labels[rows]
    scores = 1 - scaled(p[rows], chooser.temperature or 1.0)[np.arange(len(rows)), labels]
    by_class = (scores[labels == number] for number in range(len(classes)))
    return PredictionSets(
        coverage=coverage,
        images=len(rows),
        threshold=_threshold(scores, coverage),
        by_class={
            name: _threshold(of_class, coverage)
            for name, of_class in zip(classes, by_class, strict=True)
        },
    )


def _threshold(scores: Float[ndarray, " image"], coverage: float) -> float | None:
    """Return the ceil((n + 1) coverage)-th smallest score; None where there are fewer."""
    place = math.ceil(round((len(scores) + 1) * coverage, 9))
    return float(np.sort(scores)[place - 1]) if place <= len(scores) else None
