import numpy as np
import pytest
from sklearn.metrics import recall_score

from twinlens.evaluation.metrics.balanced_accuracy import balanced_accuracy


def test_it_is_scikit_learns(predictions):
    labels, predicted, confusion = predictions
    expected = recall_score(labels, predicted, labels=np.unique(labels), average="macro")
    assert balanced_accuracy(confusion) == pytest.approx(expected, abs=1e-12)
