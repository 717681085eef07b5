import gc

import numpy as np
import pytest
from scipy import stats
from scipy.special import gamma

from twinlens.evaluation.uncertainty.statistics import (
    NO_INTERVAL,
    effect_size,
    holm,
    paired_difference,
    sd_ratio,
    seeds_needed,
    summary,
)

SEEDS = [3, 5, 10, 35]
REPETITIONS = 2000
ERROR = 3 * np.sqrt(0.05 * 0.95 / REPETITIONS)  # of a simulated 5 %, three standard errors


def _covered(intervals, truth):
    low, high = np.array(intervals).T
    return np.mean((low <= truth) & (truth <= high))


@pytest.mark.parametrize("n", [2, 3, 10])
def test_paired_difference_equals_scipy(n):
    random = np.random.default_rng(n)
    a, b = random.normal(0.7, 0.02, n), random.normal(0.68, 0.02, n)
    found = paired_difference(a, b)
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx([interval.low, interval.high])
    assert found.mean == pytest.approx(np.mean(a - b))
    assert found.values == pytest.approx(a - b)
    assert found.note == ""


def test_summary_by_hand():
    # sd of 1, 2, 3 is 1; the .975 quantile of t with 2 degrees of freedom is 4.302653 (tables).
    found = summary([1, 2, 3])
    half = 4.302653 / np.sqrt(3)
    assert found.interval == pytest.approx([2 - half, 2 + half], abs=1e-6)
    assert (found.mean, found.sd) == (2.0, 1.0)
    assert found.note == ""


def test_one_seed_has_no_interval_and_says_why():
    for found in (summary([0.5]), paired_difference([0.5], [0.25])):
        assert found.interval == NO_INTERVAL
        assert "at least two" in found.note
    assert summary([0.5]).sd is None
    assert paired_difference([0.5], [0.25]).p is None
    assert paired_difference([0.5], [0.25]).mean == 0.25
    assert sd_ratio([0.5], [0.25]) == (None, NO_INTERVAL)
    assert effect_size([0.25]) is None
    assert seeds_needed([0.25], 0.02) is None


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_equal_differences_are_no_certainty(shift):
    a = np.array([0.5, 0.6, 0.7])  # a + 0.1 - a differs from 0.1 in the last digit
    found = paired_difference(a + shift, a)
    assert (found.p, found.interval) == (None, NO_INTERVAL)
    assert found.mean == pytest.approx(shift)
    assert "All differences are equal" in found.note
    assert effect_size(found.values) is None
    assert seeds_needed(found.values, 0.02) is None


def test_equal_scores_are_no_certainty():
    found = summary([0.5, 0.5])
    assert (found.sd, found.interval) == (0.0, NO_INTERVAL)
    assert "Every seed has the same score" in found.note


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("scores", ["steady", "of few images, one arm unsteady"])
def test_the_interval_covers_and_p_rejects_as_often_as_they_say(n, scores):
    """What `paired_difference` takes from scipy, of scores as in a study: seeds move both arms.

    Shares of 200 images are bounded, and in steps.
    """
    random = np.random.default_rng(n)
    a, b = random.normal(0.6, 0.1, (REPETITIONS, n)) + random.normal(0, 0.01, (2, REPETITIONS, n))
    truth = 0.0
    if scores != "steady":
        a, b = (
            random.binomial(200, random.normal(mean, sd, (REPETITIONS, n))) / 200
            for mean, sd in ((0.85, 0.01), (0.80, 0.03))
        )
        truth = 0.05
    varied = np.ptp(a - b, axis=1) > 1e-12
    assert varied.mean() > 0.99
    found = stats.ttest_rel(a[varied], b[varied], axis=1)
    low, high = found.confidence_interval(0.95)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97
    assert truth or np.mean(found.pvalue < 0.05) <= 0.05 + ERROR


def test_holm_by_hand():
    # Smallest first: .01 * 4, .02 * 3, then .03 * 2, not below the one before it, .04 * 1.
    found = holm([0.04, 0.01, None, 0.03, 0.02])
    assert found == [pytest.approx(p) if p else None for p in (0.06, 0.04, None, 0.06, 0.06)]
    assert holm([0.03]) == [pytest.approx(0.03)]
    assert (holm([None]), holm([])) == ([None], [])


@pytest.mark.parametrize("n", SEEDS)
def test_five_arms_like_the_reference_are_rarely_told_from_it(n, monkeypatch):
    """The family-wise error, where all comparisons share the reference's runs."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels calls it each time
    random = np.random.default_rng(n)
    arms = random.normal(0.6, 0.02, (6, REPETITIONS, n))
    p = stats.ttest_rel(arms[1:], arms[:1], axis=-1).pvalue
    false = np.mean([min(holm(family)) < 0.05 for family in p.T])
    assert false <= 0.05 + ERROR
    assert np.mean(p.min(axis=0) < 0.05) > 0.08  # what happens uncorrected


def test_the_effect_size_is_hedges_g_of_the_differences():
    x = np.array([0.01, 0.03, 0.02, 0.06])
    exact = gamma(1.5) / (np.sqrt(1.5) * gamma(1))
    assert effect_size(x) == pytest.approx(exact * x.mean() / x.std(ddof=1))
    assert exact == pytest.approx(1 - 3 / (4 * 3 - 1), abs=0.01)  # Hedges' approximation
    assert effect_size(x[:2]) is None


@pytest.mark.parametrize("n", SEEDS)
def test_the_effect_size_has_no_bias(n):
    x = np.random.default_rng(n).normal(0.8, 1, (REPETITIONS, n))
    found = np.array([effect_size(row) for row in x])
    assert found.mean() == pytest.approx(0.8, abs=4 * found.std() / np.sqrt(REPETITIONS))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("n", SEEDS)
def test_the_ratio_of_standard_deviations_covers_or_is_not_shown(n, correlation):
    random = np.random.default_rng(n)
    common, *own = random.normal(size=(3, REPETITIONS, n))
    a, b = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * np.array(own)
    found = [sd_ratio(0.005 * x, 0.02 * y) for x, y in zip(a, b, strict=True)]
    assert np.median([ratio for ratio, _ in found]) == pytest.approx(0.25, rel=0.05)
    if n < 5:
        assert {interval for _, interval in found} == {NO_INTERVAL}
    else:
        assert 0.93 <= _covered([interval for _, interval in found], 0.25) <= 0.97


def test_the_ratio_of_standard_deviations_inverts_the_test_of_pitman_and_morgan():
    """At its ends the scaled arms have equal variances with p = .05: sum and difference correlate.

    Where the arms do not correlate, it is close to the interval of independent variances.
    """
    a, b = np.random.default_rng(0).normal(size=(2, 12)) * [[1], [2]]
    for ratio in sd_ratio(a, b)[1]:
        x, y = a / ratio, b
        assert stats.pearsonr(x + y, x - y).pvalue == pytest.approx(0.05)


def test_a_ratio_without_spread_or_an_interval_without_enough_seeds_is_none():
    steady, moving = [0.5] * 5, [0.5, 0.6, 0.7, 0.5, 0.6]
    for pair in ((steady, moving), (moving, steady)):
        assert sd_ratio(*pair) == (None, NO_INTERVAL)
    assert sd_ratio([2 * x for x in moving], moving) == (pytest.approx(2), NO_INTERVAL)
    assert sd_ratio(moving[:4], [1, 2, 3, 5])[1] == NO_INTERVAL


def _power(n, sd, min_effect):
    t, shift = stats.t.ppf(0.975, n - 1), min_effect / sd * np.sqrt(n)
    power = stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift)
    return np.nan_to_num(power, nan=1.0)  # not a number where it is 1 by far


@pytest.mark.parametrize(("sd", "min_effect"), [(0.03, 0.02), (0.01, 0.02), (0.1, 0.01)])
def test_so_many_seeds_have_the_power_and_one_fewer_has_not(sd, min_effect):
    values = np.array([-1, 0, 1]) * sd + 0.05
    found = seeds_needed(values, min_effect)
    upper = sd * np.sqrt(2 / stats.chi2.ppf(0.2, 2))  # at 80 %
    for n, spread in zip(found, (sd, upper), strict=True):
        assert _power(n, spread, min_effect) >= 0.8 > _power(n - 1, spread, min_effect)
    assert seeds_needed(values + 1, min_effect) == found, "the observed difference must not count"


@pytest.mark.parametrize("so_far", [3, 5])
def test_a_study_that_is_planned_from_few_seeds_has_its_power_on_average(so_far):
    drawn = np.random.default_rng(so_far).normal(size=(80, so_far))
    planned = np.array([seeds_needed(values, 0.8) for values in drawn])
    least, most = (_power(np.maximum(n, so_far), 1, 0.8).mean() for n in planned.T)
    assert most >= 0.8
    assert least < 0.72  # planned with the observed spread


def test_seeds_needed_has_no_trouble_with_large_and_small_effects():
    assert seeds_needed([0, 1e-6], 0.02) == (2, 2)
    assert seeds_needed([-1, 0, 1], 1e-3) == (7848863, 35174044)


def test_no_number_of_seeds_finds_what_the_test_images_hide():
    values = [-0.03, 0, 0.03]
    found = seeds_needed(values, 0.02, of_groups=0.005**2, free_groups=50)
    assert found > seeds_needed(values, 0.02)
    assert seeds_needed(values, 0.02, of_groups=0.01**2, free_groups=50) is None


@pytest.mark.parametrize(("of_groups", "free_groups"), [(0.005**2, 4), (0.006**2, 50)])
def test_with_test_groups_the_power_has_satterthwaites_degrees_of_freedom(of_groups, free_groups):
    values = np.array([-1, 0, 1]) * 0.03
    found = seeds_needed(values, 0.02, of_groups=of_groups, free_groups=free_groups)

    def power(n, sd):
        total = sd * sd / n + of_groups
        weights = (sd * sd / n) ** 2 / (n - 1) + of_groups * of_groups / free_groups
        free = total * total / weights
        t, shift = stats.t.ppf(0.975, free), 0.02 / np.sqrt(total)
        return stats.nct.sf(t, free, shift) + stats.nct.cdf(-t, free, shift)

    upper = 0.03 * np.sqrt(2 / stats.chi2.ppf(0.2, 2))
    for n, sd in zip(found, (0.03, upper), strict=True):
        assert power(n, sd) >= 0.8 > power(n - 1, sd)


def test_an_error_that_is_partly_spent_asks_for_more_seeds():
    values = [-0.03, 0, 0.03]
    assert seeds_needed(values, 0.02, error=lambda _: 0.01) > seeds_needed(values, 0.02)


def test_values_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="equal numbers of seeds, not 2 and 3"):
        paired_difference([1, 2], [1, 2, 3])
    for values in ([], [0.5, np.nan]):
        with pytest.raises(ValueError, match="one or more finite values"):
            summary(values)
