import numpy as np
import pytest
from scipy import stats

from twinlens.study.tuning.comparison import best_of, fold_difference, selected_scores


def test_the_interval_is_that_of_the_corrected_resampled_t_test():
    a, b = [0.61, 0.55, 0.70, 0.58, 0.66], [0.60, 0.50, 0.62, 0.57, 0.60]
    found = fold_difference(a, b, folds=5)
    x = np.array(a) - np.array(b)
    # t = mean / sqrt((1/J + n_test/n_train) s^2), J - 1 degrees of freedom; with 5 folds 1/4
    error = np.sqrt((1 / 5 + 20 / 80) * np.var(x, ddof=1))
    assert found.mean == pytest.approx(x.mean())
    assert found.values == pytest.approx(x)
    low, high = stats.t.interval(0.95, 4, loc=x.mean(), scale=error)
    assert found.interval == pytest.approx((low, high))


def test_it_is_wider_than_that_of_independent_differences():
    a, b = [0.6, 0.5, 0.7], [0.5, 0.5, 0.5]
    found = fold_difference(a, b, folds=3).interval
    plain = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found[1] - found[0] == pytest.approx((plain.high - plain.low) * np.sqrt(1 + 3 / 2))


@pytest.mark.parametrize("a", [[0.6], [0.6, 0.6, 0.6]])
def test_without_a_spread_there_is_no_interval(a):
    found = fold_difference(a, [0.5] * len(a), folds=3)
    assert found.interval is None
    assert found.mean == pytest.approx(0.1)


def test_the_fold_that_is_scored_takes_no_part_in_the_selection():
    scores = [[0.9, 0.1, 0.1], [0.4, 0.4, 0.4], [0.1, 0.1, 0.9]]
    assert best_of(scores, 1) == 1
    # Without fold 1 the third is best; without fold 2 or 3 the first.
    assert selected_scores(scores, 1) == [0.1, 0.1, 0.1]


def test_a_smaller_score_is_better_where_the_sign_says_so():
    scores = [[0.9, 0.8], [0.2, 0.3]]
    assert best_of(scores, -1) == 1
    assert selected_scores(scores, -1) == [0.2, 0.3]


def test_of_noise_alone_the_best_looks_good_and_the_selected_does_not():
    random = np.random.default_rng(0)
    best, selected = [], []
    for _ in range(200):
        scores = random.normal(0.5, 0.05, (30, 5))
        best.append(np.mean(scores[best_of(scores, 1)]))
        selected.append(np.mean(selected_scores(scores, 1)))
    assert np.mean(best) > 0.54
    assert np.mean(selected) == pytest.approx(0.5, abs=0.006)
