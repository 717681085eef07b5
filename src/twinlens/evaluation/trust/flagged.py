"""Images that a check would not let a model answer, and whether it errs more often on these."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.data.quality import outliers
from twinlens.evaluation.probabilities.ranking import Weights
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.inference.unlike_training import UnlikeTraining
from twinlens.records.reliability import Check, Flagged
from twinlens.types import Rows

Flags = Bool[ndarray, " image"]


def flagged(
    check: Check,
    reasons: Mapping[str, Flags],
    labels: Rows,
    wrong: Flags,
    groups: Sequence[str],
) -> Flagged:
    """Compare the error rates of flagged images and of all others.

    Args:
        check: What was checked.
        reasons: Which images are flagged, by reason.
        labels: Class number of each image, shape (image,).
        wrong: Whether its prediction is wrong.
        groups: Name of its group.
    """
    any_reason = np.logical_or.reduce([np.zeros_like(wrong), *reasons.values()])

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        total = weights.sum(axis=1)
        images, errors = weights @ any_reason, weights @ wrong
        errors_flagged = weights @ (any_reason & wrong)
        with np.errstate(invalid="ignore"):
            return np.stack(
                [
                    images / total,
                    errors_flagged / images,
                    (errors - errors_flagged) / (total - images),
                ],
                axis=1,
            )

    share, of_flagged, of_others = bootstrap(numbers, number_groups(labels, groups)).estimates()
    return Flagged(
        check=check,
        images={reason: int(flags.sum()) for reason, flags in reasons.items()},
        share=share,
        error_flagged=of_flagged,
        error_others=of_others,
    )


def poor_photographs(
    measures: pd.DataFrame,
    usual: pd.DataFrame,
    labels: Rows,
    wrong: Flags,
    groups: Sequence[str],
) -> Flagged:
    """Flag images that are blurred, dark, bright, noisy or empty beside the training images.

    Args:
        measures: From `twinlens.data.quality.measure`, of the evaluated images.
        usual: The same of the training images, at the same size.
        labels: Class number of each image, shape (image,).
        wrong: Whether its prediction is wrong.
        groups: Name of its group.
    """
    found = outliers(measures, usual)
    reasons = {
        str(reason): np.isin(np.arange(len(measures)), table["row"])
        for reason, table in found.groupby("reason")
    }
    return flagged("poor photographs", reasons, labels, wrong, groups)


def unlike_images(
    unlike: UnlikeTraining,
    features: Float[ndarray, "image feature"],
    labels: Rows,
    wrong: Flags,
    groups: Sequence[str],
) -> Flagged:
    """Flag images whose features are far from those of all training images; see `flagged`."""
    reasons = {"far from the training images": unlike.unlike(features)}
    found = flagged("unlike the training images", reasons, labels, wrong, groups)
    return found.model_copy(update={"threshold": unlike.threshold})
