import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation import label_efficiency
from twinlens.evaluation.label_efficiency import worth

LABELS = [100, 300, 1000]


def _worth(scores, reference, own=100):
    """Scores by seed, and the reference's by number of labels and seed, as lists."""
    by_labels = {n: dict(enumerate(v)) for n, v in zip(LABELS, reference, strict=True)}
    return worth(dict(enumerate(scores)), own, by_labels, arm="twins", to="plain")


def test_one_seed_is_interpolated_in_the_logarithm_of_the_labels():
    found = _worth([0.65], [[0.5], [0.6], [0.7]])
    assert found["labels"] == pytest.approx(np.sqrt(300 * 1000))
    assert (found["low"], found["high"]) == (None, None)
    assert found["sentence"] == (
        "'twins' with 100 labels does as well as 'plain' with about 548 (1 seed: no interval)."
    )
    assert _worth([0.6], [[0.5], [0.6], [0.7]])["labels"] == pytest.approx(300)
    assert _worth([0.5], [[0.5], [0.6], [0.7]])["labels"] == pytest.approx(100)
    assert _worth([0.7], [[0.5], [0.6], [0.7]])["labels"] == pytest.approx(1000)


def test_nothing_is_extrapolated():
    better = _worth([0.8], [[0.5], [0.6], [0.7]])
    worse = _worth([0.4], [[0.5], [0.6], [0.7]])
    assert better["labels"] is worse["labels"] is None
    assert "better than 'plain' with the most labels run, 1,000" in better["sentence"]
    assert "worse than 'plain' with the fewest labels run, 100" in worse["sentence"]


def test_a_curve_that_falls_again_counts_where_it_first_reaches_the_score():
    found = _worth([0.6], [[0.5], [0.7], [0.4]])
    assert found["labels"] == pytest.approx(np.sqrt(100 * 300))


SPREAD = np.array([-0.01, 0.0, 0.004, 0.006])
RISING = [0.5 + SPREAD, 0.6 - SPREAD, 0.7 + SPREAD[::-1]]


def test_the_ends_of_the_set_are_where_the_paired_t_test_just_rejects():
    scores = 0.64 + SPREAD[[1, 0, 3, 2]]
    found = _worth(scores, RISING)
    assert 300 < found["low"] < found["labels"] < found["high"] < 1000
    for end, outside in ((found["low"], -1), (found["high"], 1)):
        p = [
            stats.ttest_rel(
                scores,
                [np.interp(np.log(end) + step, np.log(LABELS), c) for c in np.transpose(RISING)],
            ).pvalue
            for step in (0, outside * 0.002)
        ]
        assert p[0] >= 0.05 > p[1]
    assert (
        f"(95 % confidence: {found['low']:,.0f} to {found['high']:,.0f}; 4 paired seeds)."
        in (found["sentence"])
    )


def test_a_set_that_reaches_the_end_of_the_label_fractions_is_open_there():
    high = _worth(0.69 + 5 * SPREAD, RISING)
    assert (high["high"], high["labels"] is not None) == (None, True)
    assert f"at least {high['low']:,.0f}" in high["sentence"]
    low = _worth(0.51 + 5 * SPREAD, RISING)
    assert low["low"] is None
    assert f"at most {low['high']:,.0f}" in low["sentence"]
    assert "cannot be told apart from 'plain' with the same 100" in low["sentence"]
    unknown = _worth(0.6 + 50 * SPREAD, RISING)
    assert (unknown["low"], unknown["high"]) == (None, None)
    assert "cannot be told apart from any number from 100 to 1,000" in unknown["sentence"]


def test_an_arm_beyond_the_label_fractions_for_sure_is_worth_at_least_or_at_most_the_last():
    above, below = _worth(0.9 + SPREAD, RISING), _worth(0.3 + SPREAD, RISING)
    assert (above["labels"], above["low"], above["high"]) == (None, 1000, None)
    assert "at least 1,000" in above["sentence"]
    assert (below["labels"], below["low"], below["high"]) == (None, None, 100)
    assert "at most 100" in below["sentence"]
    for found in (above, below):
        assert "the same" not in found["sentence"]


def test_only_seeds_that_have_everything_count():
    reference = {100: {0: 0.5, 1: 0.52}, 1000: {0: 0.7, 2: 0.72}}
    found = worth({0: 0.6, 1: 0.6, 2: 0.6}, 100, reference, arm="twins", to="plain")
    assert found["labels"] == pytest.approx(np.sqrt(100 * 1000))
    assert "1 seed" in found["sentence"]
    none = worth({1: 0.6}, 100, reference, arm="twins", to="plain")
    assert none["labels"] is None
    assert "no seed in common" in none["sentence"]


def test_seeds_that_say_nothing_about_the_spread_give_no_interval():
    found = _worth([0.65, 0.65], [[0.5] * 2, [0.6] * 2, [0.7] * 2])
    assert found["labels"] == pytest.approx(np.sqrt(300 * 1000))
    assert (found["low"], found["high"]) == (None, None)
    assert "(2 seeds: no interval)" in found["sentence"]


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
        found = _worth(
            0.63 + seed + own[0],
            [m + seed + e for m, e in zip((0.5, 0.6, 0.7), own[1:], strict=True)],
        )
        held.append((found["low"] or 0) <= truth <= (found["high"] or np.inf))
    assert 0.93 <= np.mean(held) <= 0.97
