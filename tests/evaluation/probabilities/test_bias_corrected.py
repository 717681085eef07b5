import numpy as np
import pytest
from scipy.special import softmax

from twinlens.evaluation.probabilities.bias_corrected import fit_bias_corrected

PREVALENCE = np.array([0.6, 0.3, 0.1])


def draw(count, seed=0):
    """Return labels and their calibrated probabilities."""
    random = np.random.default_rng(seed)
    p = softmax(1.5 * random.normal(size=(count, 3)) + np.log(PREVALENCE), axis=1)
    labels = (random.random((count, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return labels, p


def test_a_planted_temperature_and_bias_are_recovered():
    labels, p = draw(20_000)
    distorted = softmax(2 * np.log(p) + [0.0, 1.0, -1.0], axis=1)
    found = fit_bias_corrected(labels, distorted)
    assert found.scale == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(found.bias - found.bias[0], [0, -0.5, 0.5], atol=0.08)
    np.testing.assert_allclose(found.apply(distorted), p, atol=0.05)
    np.testing.assert_allclose(found.prior, np.bincount(labels) / len(labels), atol=0.001)


def test_few_images_and_absent_classes():
    labels, p = draw(4)
    absent = np.hstack([p, np.full((4, 1), 1e-3)])
    found = fit_bias_corrected(labels, absent / absent.sum(axis=1, keepdims=True))
    assert np.isfinite(found.bias).all()
    assert np.abs(found.bias).max() < 2
    assert (found.prior > 0).all()
    assert found.prior.sum() == pytest.approx(1)
    equal = fit_bias_corrected(np.zeros(2, int), np.full((2, 3), 1 / 3))
    assert equal.prior.argmax() == 0
