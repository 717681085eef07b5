import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from twinlens.evaluation.probabilities.calibration import (
    BINS,
    bin_numbers,
    calibration,
    calibration_scores,
)
from twinlens.evaluation.uncertainty.crossed_effects import number_groups


def _drawn(images=3000, sharper=1.0, seed=0):
    """Labels drawn from probabilities, which are then made sharper."""
    random = np.random.default_rng(seed)
    logits = 2 * random.standard_normal((images, 4))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < random.random((images, 1))).sum(axis=1)
    groups = number_groups(labels, [f"{i // 2:05}" for i in range(images)])
    return labels, softmax(sharper * logits, axis=1), groups


def test_errors_follow_their_formulas():
    labels, p, groups = _drawn(300, sharper=2)
    found = calibration_scores(labels, p, groups)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels
    ece = 0.0
    for own in np.array_split(np.argsort(confidence), BINS):  # equally many; there are no ties
        ece += len(own) / 300 * abs(confidence[own].mean() - correct[own].mean())
    assert found.ece.value == pytest.approx(ece)
    classwise = [
        len(own) / 300 * abs(p[own, c].mean() - (labels[own] == c).mean())
        for c in range(4)
        for own in np.array_split(np.argsort(p[:, c]), BINS)
    ]
    assert found.classwise_ece.value == pytest.approx(sum(classwise) / 4)
    assert found.log_loss.value == pytest.approx(log_loss(labels, p))
    brier = sum(brier_score_loss(labels == c, p[:, c]) for c in range(4))
    assert found.brier.value == pytest.approx(brier)
    assert sum(b.images for b in found.bins) == 300


def test_scaling_by_the_right_temperature_calibrates():
    labels, p, groups = _drawn(sharper=2)
    found = calibration(labels, p, groups, 2.0, "said")
    assert found.before.ece.low > 0.05
    assert found.after.ece.value < 0.03
    assert found.after.log_loss.value < found.before.log_loss.value
    assert (found.temperature, found.note) == (2.0, "said")
    assert calibration(labels, p, groups, None, "none").after is None


def test_few_images_have_few_bins_and_equal_confidences_one():
    assert bin_numbers(np.array([0.2, 0.9])).max() == 0
    assert bin_numbers(np.full(400, 0.3)).max() == 0
    sizes = np.bincount(bin_numbers(np.random.default_rng(0).random(3000)))
    assert len(sizes) == BINS
    assert sizes.tolist() == [200] * BINS


def test_a_probability_of_zero_is_a_finite_loss():
    labels, p = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    found = calibration_scores(labels, p, number_groups(labels, ["a", "b"]))
    assert found.log_loss.value == pytest.approx(-np.log(1e-12) / 2)


@pytest.mark.parametrize("sharper", [1.0, 2.5])
def test_intervals_cover_the_error_of_many_images_although_that_of_few_is_larger(sharper):
    labels, p, _ = _drawn(10_000, sharper)
    one_group = number_groups(labels, ["one"] * len(labels))  # which is not resampled
    many = calibration_scores(labels, p, one_group).ece.value if sharper > 1 else 0.0
    found = [calibration_scores(*_drawn(200, sharper, seed=seed)).ece for seed in range(1, 21)]
    assert np.mean([of.value for of in found]) > many
    assert sum(of.low <= many <= of.high for of in found) >= 16
