import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from twinlens.evaluation.metrics.cohen_kappa import cohen_kappa


def test_it_is_scikit_learns(predictions):
    labels, predicted, confusion = predictions
    if len({*labels, *predicted}) == 1:  # scikit-learn warns, and returns NaN
        assert np.isnan(cohen_kappa(confusion))
        return
    expected = cohen_kappa_score(labels, predicted)
    assert cohen_kappa(confusion) == pytest.approx(expected, abs=1e-12)
