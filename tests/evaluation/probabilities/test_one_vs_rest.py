import numpy as np

from twinlens.evaluation.probabilities.one_vs_rest import by_class
from twinlens.evaluation.probabilities.ranking import roc_auc


def test_a_class_without_images_has_no_score():
    labels, p = np.array([0, 0, 2]), np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    np.testing.assert_equal(by_class(roc_auc, labels, p), [1.0, np.nan, 1.0])
