import pytest
from sklearn.metrics import matthews_corrcoef

from twinlens.evaluation.metrics.mcc import mcc


def test_it_is_scikit_learns(predictions):
    labels, predicted, confusion = predictions
    if len({*labels, *predicted}) == 1:  # scikit-learn warns, and returns 0
        assert mcc(confusion) == 0
        return
    expected = matthews_corrcoef(labels, predicted)
    assert mcc(confusion) == pytest.approx(expected, abs=1e-12)
