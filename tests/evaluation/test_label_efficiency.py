import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation import label_efficiency
from twinlens.evaluation.label_efficiency import Arm, Reference, equivalent_labels

LABELS = [100, 300, 1000]


def _equivalent(scores, reference, own=100):
    """Scores by seed, and the reference's by number of labels and seed, as lists."""
    by_labels = {n: dict(enumerate(v)) for n, v in zip(LABELS, reference, strict=True)}
    arm = Arm("twins", own, dict(enumerate(scores)))
    return equivalent_labels(arm, Reference("plain", by_labels))


def test_one_seed_is_interpolated_in_the_logarithm_of_the_labels():
    found = _equivalent([0.65], [[0.5], [0.6], [0.7]])
    assert found.labels == pytest.approx(np.sqrt(300 * 1000))
    assert (found.interval.low, found.interval.high) == (None, None)
    assert found.sentence == (
        "'twins' with 100 labels scores as well as 'plain' with about 548 (1 seed: no interval)."
    )
    assert _equivalent([0.6], [[0.5], [0.6], [0.7]]).labels == pytest.approx(300)
    assert _equivalent([0.5], [[0.5], [0.6], [0.7]]).labels == pytest.approx(100)
    assert _equivalent([0.7], [[0.5], [0.6], [0.7]]).labels == pytest.approx(1000)


def test_nothing_is_extrapolated():
    better = _equivalent([0.8], [[0.5], [0.6], [0.7]])
    worse = _equivalent([0.4], [[0.5], [0.6], [0.7]])
    assert better.labels is worse.labels is None
    assert "higher than 'plain' with the most labels run, 1,000" in better.sentence
    assert "lower than 'plain' with the fewest labels run, 100" in worse.sentence


def test_a_curve_that_falls_again_counts_where_it_first_reaches_the_score():
    found = _equivalent([0.6], [[0.5], [0.7], [0.4]])
    assert found.labels == pytest.approx(np.sqrt(100 * 300))


SPREAD = np.array([-0.01, 0.0, 0.004, 0.006])
RISING = [0.5 + SPREAD, 0.6 - SPREAD, 0.7 + SPREAD[::-1]]


def test_the_ends_of_the_set_are_where_the_paired_t_test_just_rejects():
    scores = 0.64 + SPREAD[[1, 0, 3, 2]]
    found = _equivalent(scores, RISING)
    assert 300 < found.interval.low < found.labels < found.interval.high < 1000
    for end, outside in ((found.interval.low, -1), (found.interval.high, 1)):
        p = [
            stats.ttest_rel(
                scores,
                [np.interp(np.log(end) + step, np.log(LABELS), c) for c in np.transpose(RISING)],
            ).pvalue
            for step in (0, outside * 0.002)
        ]
        assert p[0] >= 0.05 > p[1]
    low, high = found.interval
    assert f"(95 % confidence: {low:,.0f} to {high:,.0f}; 4 paired seeds)." in found.sentence


def test_a_set_that_reaches_the_end_of_the_label_fractions_is_open_there():
    high = _equivalent(0.69 + 5 * SPREAD, RISING)
    assert (high.interval.high, high.labels is not None) == (None, True)
    assert f"at least {high.interval.low:,.0f}" in high.sentence
    low = _equivalent(0.51 + 5 * SPREAD, RISING)
    assert low.interval.low is None
    assert f"at most {low.interval.high:,.0f}" in low.sentence
    assert "No difference from 'plain' with the same 100 was detected" in low.sentence
    unknown = _equivalent(0.6 + 50 * SPREAD, RISING)
    assert (unknown.interval.low, unknown.interval.high) == (None, None)
    assert "any number from 100 to 1,000" in unknown.sentence


def test_an_arm_beyond_the_label_fractions_for_sure_is_equivalent_to_at_least_or_at_most_the_last():
    above, below = _equivalent(0.9 + SPREAD, RISING), _equivalent(0.3 + SPREAD, RISING)
    assert (above.labels, above.interval.low, above.interval.high) == (None, 1000, None)
    assert "at least 1,000" in above.sentence
    assert (below.labels, below.interval.low, below.interval.high) == (None, None, 100)
    assert "at most 100" in below.sentence
    for found in (above, below):
        assert "the same" not in found.sentence


def test_only_seeds_that_have_everything_count():
    reference = {100: {0: 0.5, 1: 0.52}, 1000: {0: 0.7, 2: 0.72}}
    found = equivalent_labels(
        Arm("twins", 100, {0: 0.6, 1: 0.6, 2: 0.6}), Reference("plain", reference)
    )
    assert found.labels == pytest.approx(np.sqrt(100 * 1000))
    assert "1 seed" in found.sentence
    none = equivalent_labels(Arm("twins", 100, {1: 0.6}), Reference("plain", reference))
    assert none.labels is None
    assert "shares no seed" in none.sentence


def test_seeds_that_say_nothing_about_the_spread_give_no_interval():
    found = _equivalent([0.65, 0.65], [[0.5] * 2, [0.6] * 2, [0.7] * 2])
    assert found.labels == pytest.approx(np.sqrt(300 * 1000))
    assert (found.interval.low, found.interval.high) == (None, None)
    assert "(2 seeds: no interval)" in found.sentence


@pytest.mark.parametrize("n", [3, 5, 10, 35])
def test_the_set_covers_the_number_of_labels_where_the_means_are_equal(n, monkeypatch):
    """Seeds move all scores alike, and each on its own."""
    monkeypatch.setattr(label_efficiency, "_STEPS", 300)
    random, repetitions = np.random.default_rng(n), 2000
    truth = np.exp(np.interp(0.63, [0.5, 0.6, 0.7], np.log(LABELS)))
    held = []
    for _ in range(repetitions):
        seed = random.normal(0, 0.02, n)
        own = random.normal(0, 0.01, (4, n))
        found = _equivalent(
            0.63 + seed + own[0],
            [m + seed + e for m, e in zip((0.5, 0.6, 0.7), own[1:], strict=True)],
        )
        held.append((found.interval.low or 0) <= truth <= (found.interval.high or np.inf))
    assert 0.93 <= np.mean(held) <= 0.97
