import pytest
from sklearn.metrics import accuracy_score

from twinlens.evaluation.metrics.accuracy import accuracy


def test_it_is_scikit_learns(predictions):
    labels, predicted, confusion = predictions
    expected = accuracy_score(labels, predicted)
    assert accuracy(confusion) == pytest.approx(expected, abs=1e-12)
