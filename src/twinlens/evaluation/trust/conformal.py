"""Conformal prediction sets: classes of which one is the true one with a chosen probability.

Split conformal prediction (Vovk et al. 2005, "Algorithmic Learning in a Random World") with the
score 1 - p of Sadinle et al. (2019, arXiv 1609.00451), by crepes. Images of one group are alike, so
one image of each group calibrates: coverage then holds for one image of a new group, drawn from
the same population. It does not survive a shift (arXiv 2506.18162).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from crepes import ConformalClassifier
from crepes.extras import hinge
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from twinlens.errors import UserError
from twinlens.evaluation.scoring import check_predictions
from twinlens.seeds import generator
from twinlens.types import Rows

Sets = Bool[ndarray, "image class"]


@dataclass(frozen=True)
class ConformalPredictor:
    """A calibrated predictor of sets.

    Attributes:
        coverage: The wanted probability that a set holds the true class.
        by_class: Whether it is to hold within each class, and not over all images only.
        counts: Number of calibration images by class, one per group.
        classifier: The fitted classifier of crepes.
    """

    coverage: float
    by_class: bool
    counts: Int[ndarray, " class"]
    classifier: Any

    @property
    def needed(self) -> int:
        """Calibration images below which a set has to hold everything: ceil((n+1)(1-a)) > n."""
        return math.ceil(round(1 / self._error, 9)) - 1

    @property
    def always_included(self) -> Rows:
        """Numbers of the classes with too few calibration images, which are in every set.

        Only so does their coverage hold; falling back on the images of all classes would lose it.
        """
        counts = self.counts if self.by_class else np.full_like(self.counts, self.counts.sum())
        return np.flatnonzero(counts < self.needed)

    @property
    def _error(self) -> float:
        return round(1 - self.coverage, 12)

    def predict(self, probabilities: Float[ndarray, "image class"]) -> Sets:
        """Return the set of each image; an empty one says that no class is plausible."""
        scores = hinge(probabilities)
        if not self.by_class:
            p = self.classifier.predict_p(scores, smoothing=False)
        else:
            p = np.empty_like(scores)
            for number, column in enumerate(scores.T):
                bins = np.full(len(column), number)
                p[:, number] = self.classifier.predict_p(column, bins=bins, smoothing=False)
        sets: Sets = p > self._error
        return sets


def calibrate(
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
    groups: Rows,
    *,
    coverage: float = 0.9,
    by_class: bool = False,
    seed: int = 0,
) -> ConformalPredictor:
    """Calibrate prediction sets on images that no training has seen, such as validation images.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Predicted probabilities, shape (image, class).
        groups: Number of each image's group, of which one image is drawn.
        coverage: The wanted coverage, between 0 and 1.
        by_class: Mondrian sets, whose coverage holds within each class.
        seed: Of the draw.

    Raises:
        UserError: The coverage is no fraction, there are no images, or they cannot be used.
    """
    if not 0 < coverage < 1:
        raise UserError(f"A coverage of {coverage} is not between 0 and 1: choose one such as 0.9.")
    check_predictions(labels, probabilities)
    rows = one_per_group(groups, seed)
    labels, classes = labels[rows], probabilities.shape[1]
    scores = hinge(probabilities[rows], np.arange(classes), labels)
    classifier = ConformalClassifier().fit(scores, bins=labels if by_class else None)
    counts = np.bincount(labels, minlength=classes)
    return ConformalPredictor(coverage, by_class, counts, classifier)


def one_per_group(groups: Rows, seed: int = 0) -> Int[ndarray, " group"]:
    """Draw one image of each group at random; the row numbers are in ascending order."""
    order = generator(seed, "one image per group").permutation(len(groups))
    first = pd.Series(groups[order]).drop_duplicates().index.to_numpy()
    rows: Int[ndarray, " group"] = np.sort(order[first])
    return rows
