import numpy as np

from twinlens.evaluation.metrics.macro_average_precision import METRIC


def test_it_is_that_of_each_class_averaged():  # equality with scikit-learn: test_macro_auc
    labels, p = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])
    assert METRIC.of_probabilities(labels, p) == (1 + 1) / 2
