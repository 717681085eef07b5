import math

import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.evaluation.trust.conformal import calibrate, one_per_group


def draw(random, count, prevalence, sharpness=1.5):
    """Return labels, and probabilities that are right more often than not."""
    labels = random.choice(len(prevalence), count, p=prevalence)
    logits = random.normal(size=(count, len(prevalence)))
    logits[np.arange(count), labels] += sharpness * (1 - 0.5 * (labels == 2))  # a hard class
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "coverage"), [(9, 0.9), (8, 0.9), (57, 0.8)])
def test_the_quantile_is_that_of_the_textbook(n, coverage):
    """A class is in the set where its score is at most the ceil((n+1)(1-a))-th smallest one."""
    random = np.random.default_rng(n)
    labels, p = draw(random, n, [0.5, 0.3, 0.2])
    _, test = draw(random, 50, [0.5, 0.3, 0.2])
    scores = np.sort(1 - p[np.arange(n), labels])
    place = math.ceil(round((n + 1) * coverage, 9))
    quantile = scores[place - 1] if place <= n else np.inf
    predictor = calibrate(labels, p, np.arange(n), coverage=coverage)
    np.testing.assert_array_equal(predictor.predict(test), 1 - test <= quantile)
    assert (len(predictor.always_included) > 0) == (place > n)


@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_holds_over_images_or_within_each_class(by_class):
    random, prevalence, held = np.random.default_rng(0), [0.7, 0.2, 0.1], []
    for seed in range(150):
        labels, p = draw(random, 300, prevalence)
        predictor = calibrate(labels, p, np.arange(300), by_class=by_class, seed=seed)
        labels, p = draw(random, 300, prevalence)
        right = predictor.predict(p)[np.arange(300), labels]
        held.append([right.mean(), *(right[labels == c].mean() for c in range(3))])
    overall, *of_class = np.mean(held, axis=0)
    assert 0.89 <= overall <= 0.94
    if by_class:
        assert all(0.885 <= value <= 0.94 for value in of_class)
    else:
        assert of_class[2] < 0.8  # the hard class pays for the others


def test_copies_of_an_image_do_not_count_as_new_ones():
    """Every group holds ten equal images: coverage over groups is as with one image of each."""
    random, prevalence, held = np.random.default_rng(1), [0.5, 0.3, 0.2], []
    for seed in range(300):
        labels, p = draw(random, 20, prevalence)
        groups = np.repeat(np.arange(20), 10)
        predictor = calibrate(labels[groups], p[groups], groups, coverage=0.8, seed=seed)
        assert predictor.counts.sum() == 20
        labels, p = draw(random, 50, prevalence)
        held.append(predictor.predict(p)[np.arange(50), labels].mean())
    assert 0.79 <= np.mean(held) <= 0.87


def test_one_image_of_each_group_is_drawn_without_favour():
    groups = np.array([3, 3, 5, 3, 5])
    drawn = np.array([one_per_group(groups, seed) for seed in range(400)])
    assert (np.diff(drawn) > 0).all()
    assert [sorted(groups[rows].tolist()) for rows in drawn] == [[3, 5]] * 400
    share = np.bincount(drawn.ravel(), minlength=5) / 400
    np.testing.assert_allclose(share, [1 / 3, 1 / 3, 1 / 2, 1 / 3, 1 / 2], atol=0.1)


def test_a_class_with_too_few_calibration_images_is_in_every_set():
    random = np.random.default_rng(2)
    labels, p = draw(random, 60, [0.5, 0.5, 0])
    labels[:8] = 2  # one fewer than 90 % needs; the fourth class has none
    p = np.hstack([p, np.zeros((60, 1))])
    predictor = calibrate(labels, p, np.arange(60), by_class=True)
    assert (predictor.needed, predictor.always_included.tolist()) == (9, [2, 3])
    sets = predictor.predict(p)
    assert sets[:, 2:].all()
    assert not sets[:, :2].all()


@pytest.mark.parametrize("by_class", [False, True])
def test_two_images_and_equal_predictions_give_sets(by_class):
    p = np.full((2, 3), 1 / 3)
    predictor = calibrate(np.array([0, 0]), p, np.arange(2), by_class=by_class)
    assert predictor.predict(p).all()
    assert len(predictor.always_included) == 3
    many = calibrate(np.zeros(50, int), np.full((50, 3), 1 / 3), np.arange(50))
    assert many.predict(p).all()


def test_what_cannot_be_calibrated_is_refused():
    p, labels = np.full((2, 2), 0.5), np.array([0, 1])
    for coverage in (0.0, 1.0, 90.0):
        with pytest.raises(UserError, match="not between 0 and 1"):
            calibrate(labels, p, labels, coverage=coverage)
    with pytest.raises(UserError, match="not finite for 1 of 2"):
        calibrate(labels, np.array([[np.nan, 1.0], [0.5, 0.5]]), labels)
    with pytest.raises(UserError, match="no images"):
        calibrate(labels[:0], p[:0], labels[:0])
