"""Calibration: how well probabilities agree with frequencies, before and after scaling."""

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from twinlens.evaluation.cluster_bootstrap import bootstrap
from twinlens.evaluation.crossed_effects import Groups
from twinlens.evaluation.ranking import Weights
from twinlens.inference.temperature import scaled
from twinlens.records.evaluation import Calibration, CalibrationBin, CalibrationScores
from twinlens.types import Rows

Probabilities = Float[ndarray, "image class"]
BINS = 15
_PER_BIN = 10  # images, at least
_LEAST = 1e-12  # probability


def calibration(
    labels: Rows,
    probabilities: Probabilities,
    groups: Groups,
    temperature: float | None,
    note: str,
) -> Calibration:
    """Measure calibration, before and after temperature scaling.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        groups: Groups of the images.
        temperature: The temperature, fitted on other images; None for none.
        note: Where it comes from, or why there is none.
    """
    after = scaled(probabilities, temperature) if temperature else None
    return Calibration(
        temperature=temperature,
        before=calibration_scores(labels, probabilities, groups),
        after=None if after is None else calibration_scores(labels, after, groups),
        note=note,
    )


def calibration_scores(
    labels: Rows, probabilities: Probabilities, groups: Groups
) -> CalibrationScores:
    """Return calibration errors, Brier score, log loss and the bins of the reliability diagram.

    ECE = sum_b |sum of (confidence - correct) in bin b| / images, over bins of equal mass (Nixon et
    al. 2019, arXiv 1904.01685); classwise ECE is its mean over the classes' probabilities (Kull et
    al. 2019, arXiv 1910.12656). Intervals keep the bins of the images themselves.
    """
    p = probabilities.astype(np.float64)
    classes = p.shape[1]
    wanted = np.eye(classes)[labels]
    confidence, correct = p.max(axis=1), (p.argmax(axis=1) == labels).astype(float)
    top = _bin_errors(confidence, correct)
    by_class = [_bin_errors(p[:, c], wanted[:, c]) for c in range(classes)]
    losses = np.stack(
        [((p - wanted) ** 2).sum(axis=1), -np.log(np.maximum(p[wanted > 0], _LEAST))], axis=1
    )

    def numbers(weights: Weights) -> Float[ndarray, "resample number"]:
        images = weights.sum(axis=1, keepdims=True)
        classwise = np.mean([_error(weights, errors) for errors in by_class], axis=0)
        errors = np.stack([_error(weights, top), classwise], axis=1)
        return np.asarray(np.concatenate([errors, weights @ losses], axis=1) / images)

    ece, classwise_ece, brier, log_loss = bootstrap(numbers, groups).estimates()
    return CalibrationScores(
        ece=ece,
        classwise_ece=classwise_ece,
        brier=brier,
        log_loss=log_loss,
        bins=_bins(confidence, correct),
    )


def bin_numbers(confidence: Float[ndarray, " image"]) -> Rows:
    """Divide images into at most `BINS` bins of equally many; equal confidences stay together."""
    bins = int(np.clip(len(confidence) // _PER_BIN, 1, BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, confidence, side="left").astype(np.int64)


def _bin_errors(
    confidence: Float[ndarray, " image"], correct: Num[ndarray, " image"]
) -> Float[ndarray, "image bin"]:
    """Return confidence - correct of each image, in the column of its bin."""
    number = bin_numbers(confidence)
    errors = np.zeros((len(confidence), number.max() + 1))
    errors[range(len(confidence)), number] = confidence - correct
    return errors


def _error(weights: Weights, errors: Float[ndarray, "image bin"]) -> Float[ndarray, " resample"]:
    return np.asarray(np.abs(weights @ errors).sum(axis=1))


def _bins(
    confidence: Float[ndarray, " image"], correct: Float[ndarray, " image"]
) -> list[CalibrationBin]:
    number = bin_numbers(confidence)
    return [
        CalibrationBin(
            images=int((number == b).sum()),
            confidence=float(confidence[number == b].mean()),
            accuracy=float(correct[number == b].mean()),
        )
        for b in np.unique(number)
    ]
