import numpy as np
import pytest
from sklearn import metrics

from twinlens.evaluation.confusion import (
    confusion_matrix,
    f1,
    precision,
    predicted,
    recall,
    support,
)


@pytest.mark.parametrize("guesses", [[0, 1, 2, 3], [0, 1], [2]])
def test_counts_and_ratios_are_scikit_learns(guesses):
    random = np.random.default_rng(0)
    labels, guessed = random.choice([0, 1, 3], 200), random.choice(guesses, 200)
    confusion = confusion_matrix(labels, guessed, 4)
    assert (confusion == metrics.confusion_matrix(labels, guessed, labels=range(4))).all()
    expected = metrics.precision_recall_fscore_support(
        labels, guessed, labels=range(4), zero_division=0
    )
    for ratio, values in zip((precision, recall, f1, support), expected, strict=True):
        np.testing.assert_allclose(ratio(confusion), values)
    assert (predicted(confusion) == np.bincount(guessed, minlength=4)).all()
