import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from twinlens.evaluation.metrics import METRICS

AUC, PRECISION = METRICS["macro_auc"], METRICS["macro_average_precision"]


@pytest.fixture
def p():
    return np.random.default_rng(0).dirichlet(np.ones(4), 200)


def test_they_are_scikit_learns_macro_averages(p):
    labels = np.random.default_rng(1).integers(0, 4, 200)
    expected = roc_auc_score(labels, p, multi_class="ovr", average="macro")
    assert AUC.of_probabilities(labels, p) == pytest.approx(expected)
    expected = average_precision_score(np.eye(4)[labels], p, average="macro")
    assert PRECISION.of_probabilities(labels, p) == pytest.approx(expected)


def test_an_absent_class_does_not_count_and_one_class_alone_is_undefined(p):
    labels = np.random.default_rng(1).choice([0, 1, 3], 200)
    expected = np.mean([roc_auc_score(labels == c, p[:, c]) for c in (0, 1, 3)])
    assert AUC.of_probabilities(labels, p) == pytest.approx(expected)
    for metric in (AUC, PRECISION):
        assert np.isnan(metric.of_probabilities(np.ones(200, dtype=int), p))
        assert np.isnan(metric.of_weights(np.ones(200, dtype=int), p, np.ones((2, 200)))).all()
