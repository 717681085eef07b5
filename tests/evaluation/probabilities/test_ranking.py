import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from twinlens.evaluation.probabilities.ranking import (
    area,
    average_precision,
    precision_average,
    rank,
    roc_auc,
    sensitivity_at,
    specificity_at,
)

random = np.random.default_rng(0)
WANTED = random.random(150) < 0.3
WEIGHTS = random.integers(0, 4, (5, 150)).astype(float)


@pytest.mark.parametrize("digits", [1, 9])  # with one there are ties
def test_every_weighting_gives_what_scikit_learn_gives(digits):
    scores = (random.standard_normal(150) + WANTED).round(digits)
    ranking = rank(WANTED, scores, WEIGHTS)
    for row, weights in enumerate(WEIGHTS):
        expected = roc_auc_score(WANTED, scores, sample_weight=weights)
        assert area(ranking)[row] == pytest.approx(expected)
        expected = average_precision_score(WANTED, scores, sample_weight=weights)
        assert average_precision(ranking)[row] == pytest.approx(expected)
        x, y, _ = roc_curve(WANTED, scores, sample_weight=weights, drop_intermediate=False)
        for target in (0.8, 0.9, 0.95, 1.0):
            sensitivity, specificity = (
                sensitivity_at(ranking, target),
                specificity_at(ranking, target),
            )
            assert sensitivity[row] == pytest.approx(y[1 - x >= target - 1e-12].max())
            assert specificity[row] == pytest.approx(1 - x[y >= target - 1e-12].min())


def test_equal_scores_are_chance_and_one_side_alone_is_undefined():
    equal = rank(WANTED, np.zeros(150), np.ones((1, 150)))
    assert area(equal) == pytest.approx(0.5)
    assert average_precision(equal) == pytest.approx(WANTED.mean())
    assert (sensitivity_at(equal, 0.9)[0], specificity_at(equal, 0.9)[0]) == (0, 0)
    for wanted in (np.zeros(150, dtype=bool), np.ones(150, dtype=bool)):
        alone = rank(wanted, random.random(150), np.ones((1, 150)))
        for of in (area(alone), sensitivity_at(alone, 0.9), specificity_at(alone, 0.9)):
            assert np.isnan(of).all()
        assert np.isnan(roc_auc(wanted, np.zeros(150)))
        assert np.isnan(average_precision(alone)).all() == (not wanted.any())
    assert np.isnan(precision_average(np.zeros(3, dtype=bool), np.zeros(3)))
