import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.inference.unlike_training import K, fit_unlike_training
from twinlens.models.embedding_index import EmbeddingIndex


def draw(count, seed, turn=0.0):
    """Return features around one direction, or around one that is turned away from it."""
    centre = np.array([np.cos(turn), np.sin(turn), 0, 0])
    return centre + 0.1 * np.random.default_rng(seed).normal(size=(count, 4))


def index(count, seed=0):
    return EmbeddingIndex(draw(count, seed), [str(n) for n in range(count)], ["a"] * count)


def test_the_score_is_the_distance_to_the_kth_neighbour():
    train, x = draw(50, 0), draw(5, 1)
    found = fit_unlike_training(index(50), draw(20, 2)).score(x)
    a, b = (y / np.linalg.norm(y, axis=1, keepdims=True) for y in (x, train))
    expected = np.sort(np.linalg.norm(a[:, None] - b, axis=2), axis=1)[:, K - 1]
    np.testing.assert_allclose(found, expected, atol=2e-4)  # features are rounded to 16 bits


@pytest.mark.parametrize("percentile", [80, 95])
def test_like_images_are_flagged_as_often_as_wanted_and_others_always(percentile):
    flagged = []
    for seed in range(100):
        train = index(100, seed)
        fitted = fit_unlike_training(train, draw(99, 1000 + seed), percentile)
        flagged.append(fitted.unlike(draw(100, 2000 + seed)).mean())
    assert np.mean(flagged) == pytest.approx(1 - percentile / 100, abs=0.01)
    assert fitted.unlike(draw(50, 5, turn=1.0)).all()


def test_few_images_and_equal_ones():
    two = index(2)
    fitted = fit_unlike_training(two, draw(1, 1))
    assert fitted.threshold == fitted.score(draw(1, 1))[0]
    equal = EmbeddingIndex(np.ones((5, 3)), list("abcde"), ["x"] * 5)
    same = fit_unlike_training(equal, np.ones((4, 3)))
    assert not same.unlike(np.ones((2, 3))).any()
    assert same.unlike(-np.ones((2, 3))).all()


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(UserError, match="the split has none"):
        fit_unlike_training(index(3), np.zeros((0, 4)))
    for percentile in (0, 100):
        with pytest.raises(UserError, match="not between 0 and 100"):
            fit_unlike_training(index(3), draw(3, 1), percentile)
