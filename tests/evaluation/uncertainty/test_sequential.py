import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation.uncertainty.sequential import corrected, level_at


def test_a_first_look_keeps_a_part_of_the_error_for_later_ones():
    for n in (2, 3, 10, 100):
        assert level_at([], n) == pytest.approx(1 - 0.05 * n / (n + 1))
        assert level_at([n, 200], n) == level_at([], n)  # the same look, and a later one


def test_two_looks_have_the_error_of_two_correlated_normal_tests():
    first, second = (stats.norm.isf((1 - level_at([3], n)) / 2) for n in (3, 10))
    correlation = np.sqrt(3 / 10)
    inside = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
    within = inside.cdf([first, second], lower_limit=[-first, -second])
    assert 1 - within == pytest.approx(0.05 * 10 / 11, abs=1e-4)


def test_a_corrected_p_is_a_twentieth_where_the_interval_reaches_zero():
    level = level_at([3], 5)
    assert corrected(1 - level, level) == pytest.approx(0.05)
    assert (corrected(0.9, level), corrected(None, level)) == (1.0, None)


@pytest.mark.parametrize("looks", [(3, 5, 10), (3, 10), (2, 4, 6, 8, 10), (5, 20)])
def test_who_adds_seeds_until_there_is_a_difference_finds_one_no_more_often(looks):
    x = np.random.default_rng(0).normal(size=(20_000, looks[-1]))
    p = np.array([stats.ttest_1samp(x[:, :n], 0, axis=1).pvalue for n in looks])
    errors = np.array([1 - level_at(looks, n) for n in looks])
    assert 0.04 <= (p < errors[:, None]).any(axis=0).mean() <= 0.055
    assert (p < 0.05).any(axis=0).mean() > 0.075  # what happens uncorrected
