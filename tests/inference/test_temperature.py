import numpy as np
import pytest
from scipy.special import softmax

from twinlens.inference.temperature import fit_temperature, scaled


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_recovered(planted):
    random = np.random.default_rng(0)
    logits = 2 * random.standard_normal((20_000, 5))
    p = softmax(logits, axis=1)
    labels = (p.cumsum(axis=1) < random.random((len(p), 1))).sum(axis=1)
    found = fit_temperature(labels, softmax(planted * logits, axis=1))
    assert found == pytest.approx(planted, rel=0.04)


def test_scaling_divides_logits_and_keeps_the_predicted_class():
    logits = np.random.default_rng(0).standard_normal((50, 4))
    p = softmax(logits, axis=1)
    np.testing.assert_allclose(scaled(p, 2.5), softmax(logits / 2.5, axis=1))
    np.testing.assert_allclose(scaled(p.astype(np.float32), 1.0), p, atol=1e-6)
    assert (scaled(p, 7.0).argmax(axis=1) == p.argmax(axis=1)).all()
    assert np.isfinite(scaled(np.array([[0.0, 1.0]]), 0.1)).all()


def test_images_that_do_not_determine_it_give_none():
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(np.array([0, 1]), p) is None  # all are right
    assert fit_temperature(np.array([1, 0]), p) is None  # all are wrong
