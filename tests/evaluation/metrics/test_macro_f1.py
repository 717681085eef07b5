import pytest
from sklearn.metrics import f1_score

from twinlens.evaluation.metrics.macro_f1 import macro_f1


def test_it_is_scikit_learns(predictions):
    labels, predicted, confusion = predictions
    expected = f1_score(labels, predicted, average="macro", zero_division=0)
    assert macro_f1(confusion) == pytest.approx(expected, abs=1e-12)
