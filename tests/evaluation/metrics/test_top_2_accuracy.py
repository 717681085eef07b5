import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from twinlens.evaluation.metrics.top_2_accuracy import top_2_accuracy


@pytest.mark.parametrize("digits", [1, 9])  # with one there are ties
def test_it_is_scikit_learns(digits):
    random = np.random.default_rng(0)
    labels, p = random.integers(0, 4, 200), random.dirichlet(np.ones(4), 200).round(digits)
    expected = top_k_accuracy_score(labels, p, k=2, labels=range(4))
    assert top_2_accuracy(labels, p) == pytest.approx(expected)


def test_two_classes_are_always_among_the_first_two():
    assert top_2_accuracy(np.array([0, 1]), np.array([[0.1, 0.9], [0.9, 0.1]])) == 1
