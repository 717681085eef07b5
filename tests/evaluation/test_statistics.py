import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation.statistics import paired_difference, summary


@pytest.mark.parametrize("n", [2, 3, 10])
def test_paired_difference_equals_scipy(n):
    random = np.random.default_rng(n)
    a, b = random.normal(0.7, 0.02, n), random.normal(0.68, 0.02, n)
    found = paired_difference(a, b)
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found["p"] == pytest.approx(expected.pvalue)
    assert found["interval"] == pytest.approx([interval.low, interval.high])
    assert found["mean"] == pytest.approx(np.mean(a - b))
    assert found["values"] == pytest.approx(a - b)
    assert (found["n"], found["note"]) == (n, None)


def test_summary_by_hand():
    # sd of 1, 2, 3 is 1; the .975 quantile of t with 2 degrees of freedom is 4.302653 (tables).
    found = summary([1, 2, 3])
    half = 4.302653 / np.sqrt(3)
    assert found["interval"] == pytest.approx([2 - half, 2 + half], abs=1e-6)
    assert (found["mean"], found["sd"], found["n"]) == (2.0, 1.0, 3)
    assert found["values"] == [1.0, 2.0, 3.0]
    assert found["note"] is None


def test_one_seed_has_no_interval_and_says_why():
    for found in (summary([0.5]), paired_difference([0.5], [0.25])):
        assert found["interval"] is None
        assert "at least two" in found["note"]
    assert summary([0.5])["sd"] is None
    assert paired_difference([0.5], [0.25])["p"] is None
    assert paired_difference([0.5], [0.25])["mean"] == 0.25


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_equal_differences_are_no_certainty(shift):
    a = np.array([0.5, 0.6, 0.7])  # a + 0.1 - a differs from 0.1 in the last digit
    found = paired_difference(a + shift, a)
    assert found["p"] is None
    assert found["interval"] == pytest.approx([shift, shift])
    assert "All differences are equal" in found["note"]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers_and_p_rejects_as_often_as_it_says(n):
    """Two arms of equal quality that share a large effect of the seed, as in a study."""
    random = np.random.default_rng(n)
    repetitions = 2000
    seed_effect = random.normal(0.6, 0.1, (repetitions, n))
    arms = seed_effect + random.normal(0, 0.01, (2, repetitions, n))
    found = [paired_difference(a, b) for a, b in zip(*arms, strict=True)]
    low, high = np.array([each["interval"] for each in found]).T
    p = np.array([each["p"] for each in found])
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97
    assert 0.03 <= np.mean(p < 0.05) <= 0.07


def test_values_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="equal numbers of seeds, not 2 and 3"):
        paired_difference([1, 2], [1, 2, 3])
    for values in ([], [0.5, np.nan]):
        with pytest.raises(ValueError, match="one or more finite values"):
            summary(values)
