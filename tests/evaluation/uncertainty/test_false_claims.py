from functools import partial

import numpy as np
import pytest

from twinlens.evaluation.uncertainty.crossed_effects import Groups, GroupShares, crossed_difference
from twinlens.evaluation.uncertainty.false_claims import false_claim_probability

COUNT = 60  # test groups


def study(random, seeds, truth, seed_sd=0.1):
    """Return the paired differences of one metric by test group (down) and seed (across)."""
    noise = random.normal(size=(COUNT, 1)) + seed_sd * random.normal(size=seeds)
    return truth + noise + random.normal(size=(COUNT, seeds))


def probability(table):
    """Return the stated probability, and the sign that was claimed."""
    shares = [GroupShares(float(x.mean()), x / COUNT) for x in table.T]
    nothing = [GroupShares(0.0, np.zeros(COUNT))] * len(shares)
    groups = Groups(np.arange(COUNT), [np.arange(COUNT)])
    difference = crossed_difference(shares, nothing, groups)
    return false_claim_probability(float(table.mean()), difference), np.sign(table.mean())


def hierarchical_bootstrap(random, table, repetitions=4000):
    """Return how often the other sign comes out when groups and seeds are drawn anew."""
    draw = partial(random.integers, size=(repetitions, 1, 1))
    groups = draw(table.shape[0], size=(repetitions, table.shape[0], 1))
    seeds = draw(table.shape[1], size=(repetitions, 1, table.shape[1]))
    means = table[groups, seeds].mean(axis=(1, 2))
    return np.mean(np.sign(means) != np.sign(table.mean()))


@pytest.mark.parametrize("seeds", [1, 3, 5, 10])
def test_claims_are_false_as_often_as_stated(seeds):
    """Of claims with a stated probability of 10 to 20 %, say, as many are false."""
    random = np.random.default_rng(seeds)
    stated, false = [], []
    for truth in random.normal(size=2500):
        seed_sd = 0.1 if seeds > 1 else 0.0  # one seed: the claim is about these two models
        value, sign = probability(study(random, seeds, truth, seed_sd))
        stated.append(value)
        false.append(sign != np.sign(truth))
    stated, false = np.array(stated), np.array(false)
    assert stated.max() <= 0.5
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.35), (0.35, 0.5)):
        chosen = (stated >= low) & (stated < high)
        error = np.sqrt(stated[chosen].mean() / chosen.sum())
        assert false[chosen].mean() == pytest.approx(stated[chosen].mean(), abs=0.01 + 3 * error)


def test_it_is_what_a_hierarchical_bootstrap_says_where_there_are_many_seeds():
    random = np.random.default_rng(0)
    for truth in (0.05, 0.15, 0.3):
        table = study(random, 40, truth)
        assert probability(table)[0] == pytest.approx(
            hierarchical_bootstrap(random, table), abs=0.03
        )


def test_with_three_seeds_the_bootstrap_is_too_sure():
    """Where the spread over seeds dominates, three of them are too few to be drawn anew."""
    random = np.random.default_rng(1)
    pairs = []
    for _ in range(60):
        table = study(random, 3, 0.8, seed_sd=1)
        pairs.append((probability(table)[0], hierarchical_bootstrap(random, table, 300)))
    ours, bootstrap = np.mean(pairs, axis=0)
    assert bootstrap < 0.7 * ours


def test_it_is_half_of_the_p_value_and_does_not_depend_on_the_order():
    table = study(np.random.default_rng(2), 4, 0.2)
    shares = [GroupShares(float(x.mean()), x / COUNT) for x in table.T]
    nothing = [GroupShares(0.0, np.zeros(COUNT))] * 4
    groups = Groups(np.arange(COUNT), [np.arange(COUNT)])
    difference = crossed_difference(shares, nothing, groups)
    assert probability(table)[0] == pytest.approx(difference.p / 2)
    assert probability(-table)[0] == pytest.approx(probability(table)[0])


def test_models_that_never_differ_have_none():
    assert probability(np.zeros((COUNT, 3)))[0] is None
    assert probability(np.zeros((COUNT, 1)))[0] is None
