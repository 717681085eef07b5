"""Calibration: how well probabilities agree with frequencies, before and after scaling."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.probabilities.ranking import Weights
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import Groups
from twinlens.evaluation.uncertainty.statistics import LEVEL
from twinlens.inference.temperature import scaled
from twinlens.records.evaluation import (
    Calibration,
    CalibrationBin,
    CalibrationScores,
    Estimate,
)
from twinlens.types import Rows

Probabilities = Float[ndarray, "image class"]
BINS = 15
_PER_BIN = 10  # images, at least
_LEAST = 1e-12  # probability
_DRAWS = 200  # of labels from the probabilities


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
    al. 2019, arXiv 1910.12656). Both are biased upwards, and resamples more so: their intervals are
    basic ones, which correct for it, and begin at 0 where calibrated probabilities would give such
    errors too (consistency resampling, Broecker and Smith 2007). Intervals keep the bins of the
    images themselves.
    """
    p = probabilities.astype(np.float64)
    scores = np.column_stack([p.max(axis=1), p])
    bins = [bin_numbers(column) for column in scores.T]
    errors = [_in_bins(*of) for of in zip(scores.T - _right(p, labels).T, bins, strict=True)]
    wanted = np.eye(p.shape[1])[labels]
    losses = np.stack(
        [((p - wanted) ** 2).sum(axis=1), -np.log(np.maximum(p[wanted > 0], _LEAST))], axis=1
    )

    def binned(weights: Weights) -> Float[ndarray, "resample number"]:
        of_column = np.stack([np.abs(weights @ of).sum(axis=1) for of in errors], axis=1)
        pair = np.stack([of_column[:, 0], of_column[:, 1:].mean(axis=1)], axis=1)
        return np.asarray(pair / weights.sum(axis=1, keepdims=True))

    def proper(weights: Weights) -> Float[ndarray, "resample number"]:
        return np.asarray(weights @ losses / weights.sum(axis=1, keepdims=True))

    chance = np.quantile(_of_calibrated(p, scores, bins), (1 + LEVEL) / 2, axis=0)
    pair = bootstrap(binned, groups).estimates(basic=True)
    ece, classwise_ece = (_from_zero(*of) for of in zip(pair, chance.tolist(), strict=True))
    brier, log_loss = bootstrap(proper, groups).estimates()
    return CalibrationScores(
        ece=ece,
        classwise_ece=classwise_ece,
        brier=brier,
        log_loss=log_loss,
        bins=_bins(scores[:, 0], _right(p, labels)[:, 0], bins[0]),
    )


def bin_numbers(confidence: Float[ndarray, " image"]) -> Rows:
    """Divide images into at most `BINS` bins of equally many; equal confidences stay together."""
    bins = int(np.clip(len(confidence) // _PER_BIN, 1, BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, confidence, side="left").astype(np.int64)


def _right(p: Probabilities, labels: Rows) -> Float[ndarray, "image column"]:
    """Return whether the prediction is right, and for each class whether it is the true one."""
    return np.column_stack([p.argmax(axis=1) == labels, np.eye(p.shape[1])[labels]])


def _in_bins(errors: Float[ndarray, " image"], bins: Rows) -> Float[ndarray, "image bin"]:
    """Return the error of each image in the column of its bin."""
    placed = np.zeros((len(errors), bins.max() + 1))
    placed[range(len(errors)), bins] = errors
    return placed


def _of_calibrated(
    p: Probabilities, scores: Float[ndarray, "image column"], bins: list[Rows]
) -> Float[ndarray, "draw number"]:
    """Return both calibration errors of labels that are drawn from the probabilities themselves."""
    random, found = np.random.default_rng(0), []
    cumulative = p.cumsum(axis=1)[:, :-1]
    for _ in range(_DRAWS):
        labels = (cumulative < random.random((len(p), 1))).sum(axis=1)
        errors = zip((scores - _right(p, labels)).T, bins, strict=True)
        of_column = [np.abs(np.bincount(number, of)).sum() for of, number in errors]
        found.append((of_column[0], np.mean(of_column[1:])))
    return np.array(found) / len(p)


def _from_zero(estimate: Estimate, chance: float) -> Estimate:
    """Begin an interval at 0 where calibrated probabilities would give such a value too."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    low = 0.0 if estimate.value <= chance else max(estimate.low, 0.0)
    high = max(estimate.high, 0.0 if low else estimate.value)
    return estimate.model_copy(update={"low": low, "high": high})


def _bins(
    confidence: Float[ndarray, " image"], correct: Float[ndarray, " image"], number: Rows
) -> list[CalibrationBin]:
    return [
        CalibrationBin(
            images=int((number == b).sum()),
            confidence=float(confidence[number == b].mean()),
            accuracy=float(correct[number == b].mean()),
        )
        for b in np.unique(number)
    ]
