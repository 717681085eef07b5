import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from twinlens.errors import UserError
from twinlens.evaluation.probabilities.prior_shift import (
    adapt,
    estimate_prevalence,
    metrics_at,
    wanted_prevalence,
)

BEFORE = np.array([0.6, 0.3, 0.1])
AFTER = np.array([0.15, 0.25, 0.6])
CENTRES = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])


def posterior(x, prevalence):
    """Bayes' rule for normal classes: the calibrated probabilities of a perfect model."""
    likelihood = np.exp(-((x[:, None] - CENTRES) ** 2).sum(axis=2) / 2)
    joint = likelihood * prevalence
    return joint / joint.sum(axis=1, keepdims=True)


def draw(prevalence, count, seed=0):
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=prevalence)
    return labels, CENTRES[labels] + random.normal(size=(count, 2))


def test_adapted_probabilities_are_those_of_a_model_of_the_new_prevalence():
    _, x = draw(AFTER, 200)
    adapted = adapt(posterior(x, BEFORE), BEFORE, AFTER)
    np.testing.assert_allclose(adapted, posterior(x, AFTER))
    np.testing.assert_allclose(adapt(adapted, AFTER, BEFORE), posterior(x, BEFORE))


@pytest.mark.parametrize("planted", [AFTER, np.array([0.9, 0.1, 0.0]), BEFORE])
def test_em_recovers_a_planted_prevalence(planted):
    estimates = np.concatenate(
        [
            estimate_prevalence(posterior(draw(planted, 2000, seed)[1], BEFORE), BEFORE)
            for seed in range(10)
        ]
    )
    np.testing.assert_allclose(estimates.sum(axis=1), 1)
    np.testing.assert_allclose(estimates.mean(axis=0), planted, atol=0.01)
    assert np.abs(estimates - planted).max() < 0.05


def test_em_is_that_of_equation_2_9_and_weights_repeat_images():
    p, times = posterior(draw(AFTER, 60)[1], BEFORE), np.arange(60) % 3
    expected = BEFORE
    for _ in range(2000):
        expected = adapt(p[np.repeat(np.arange(60), times)], BEFORE, expected).mean(axis=0)
    weights = np.stack([np.ones(60), times.astype(float)])
    found = estimate_prevalence(p, BEFORE, weights)
    np.testing.assert_allclose(found[1], expected, atol=1e-3)
    np.testing.assert_allclose(found[0], estimate_prevalence(p, BEFORE)[0], atol=1e-3)


def test_each_resample_is_estimated_as_it_is_alone():
    p = posterior(draw(AFTER, 60)[1], BEFORE)
    weights = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), 20).astype(float)
    alone = [estimate_prevalence(p, BEFORE, row[None])[0] for row in weights]
    np.testing.assert_allclose(estimate_prevalence(p, BEFORE, weights), alone, atol=1e-12)


def test_counting_predictions_would_not_recover_it():
    p = posterior(draw(AFTER, 5000)[1], BEFORE)
    counted = np.bincount(p.argmax(axis=1), minlength=3) / 5000
    assert np.abs(counted - AFTER).max() > 0.1


def test_metrics_at_a_prevalence_are_those_of_weighted_images():
    labels, x = draw(BEFORE, 500)
    predicted = posterior(x, BEFORE).argmax(axis=1)
    weights = (AFTER / np.bincount(labels))[labels]
    found, absent = metrics_at(labels, predicted, AFTER)
    assert not absent
    assert found["accuracy"] == pytest.approx(
        accuracy_score(labels, predicted, sample_weight=weights)
    )
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(
        f1_score(labels, predicted, average="macro", sample_weight=weights)
    )


def test_a_class_without_test_images_is_named():
    found, absent = metrics_at(np.array([0, 1]), np.array([0, 0]), np.array([0.2, 0.2, 0.6]))
    assert (found["accuracy"], absent) == (0.5, [2])
    with pytest.raises(UserError, match="no test image of any class"):
        metrics_at(np.array([0, 0]), np.array([0, 0]), np.array([0.0, 0.0, 1.0]))


def test_degenerate_predictions():
    equal = np.full((2, 3), 1 / 3)
    uniform = np.full(3, 1 / 3)
    found = estimate_prevalence(equal, uniform)
    np.testing.assert_allclose(found, [uniform])
    lacking = np.array([0.5, 0.5, 0.0])  # a class of which training had no image
    np.testing.assert_allclose(adapt(equal, lacking, AFTER)[:, 2], 0)
    certain = np.array([[1.0, 0.0, 0.0]])
    with pytest.raises(UserError, match="gives 0 to all that is predicted of 1 image"):
        adapt(certain, uniform, np.array([0.0, 0.5, 0.5]))
    with pytest.raises(UserError, match="finite probabilities"):
        estimate_prevalence(certain * np.nan, uniform)


@pytest.mark.parametrize("bad", [[0.5, 0.4, 0.2], [1.2, -0.2, 0.0], [np.nan, 0.5, 0.5]])
def test_what_is_no_prevalence_is_refused(bad):
    with pytest.raises(UserError, match="a fraction for each of the 3 classes with the sum 1"):
        adapt(np.full((2, 3), 1 / 3), BEFORE, np.array(bad))


def test_classes_that_are_not_named_keep_their_proportions():
    found = wanted_prevalence({"b": 0.2}, ["a", "b", "c"], np.array([0.2, 0.2, 0.6]))
    np.testing.assert_allclose(found, [0.2, 0.2, 0.6])
    all_named = wanted_prevalence({"a": 0.3, "b": 0.7}, ["a", "b", "c"], BEFORE)
    np.testing.assert_allclose(all_named, [0.3, 0.7, 0])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"d": 0.1}, "Unknown class 'd'"),
        ({"a": 10}, "10 of a is not between 0 and 1"),
        ({"a": 0.8, "b": 0.4}, "add up to 1.2"),
        ({"a": 0.1, "b": 0.2, "c": 0.3}, "add up to 0.6"),
    ],
)
def test_wanted_prevalences_that_are_none(wanted, message):
    with pytest.raises(UserError, match=message):
        wanted_prevalence(wanted, ["a", "b", "c"], BEFORE)
