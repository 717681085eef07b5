from itertools import permutations

import numpy as np
import pytest

from twinlens.evaluation.selective import risk_coverage


def test_risk_and_area_are_those_of_the_definition():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    found = risk_coverage(confidence, np.array([False, True, False, True]))
    np.testing.assert_allclose(found.coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.risk, [0, 1 / 2, 1 / 3, 1 / 2])
    assert found.aurc == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.excess == pytest.approx(found.aurc - (1 / 3 + 2 / 4) / 4)
    assert [found.risk_at(c) for c in (0.1, 0.5, 0.51, 1.0)] == [0, 1 / 2, 1 / 3, 1 / 2]


def test_a_tie_is_the_mean_over_its_orders():
    confidence, wrong = np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, False, True, False])
    orders = [[0, *rest] for rest in permutations([1, 2, 3])]
    strict = -np.arange(4.0)
    expected = np.mean([risk_coverage(strict, wrong[order]).risk for order in orders], axis=0)
    np.testing.assert_allclose(risk_coverage(confidence, wrong).risk, expected)
    shuffled = [2, 3, 1, 0]
    again = risk_coverage(confidence[shuffled], wrong[shuffled]).risk
    np.testing.assert_allclose(again, expected)


def test_a_confidence_that_ranks_errors_last_has_no_excess():
    wrong = np.random.default_rng(0).random(50) < 0.3
    assert risk_coverage(1.0 - wrong, wrong).excess == pytest.approx(0)
    order = np.argsort(wrong, kind="stable")
    assert risk_coverage(-np.arange(50.0), wrong[order]).excess == pytest.approx(0)
    assert risk_coverage(np.arange(50.0), wrong[order]).excess > 0.3


@pytest.mark.parametrize("rate", [0, 1])
def test_limits(rate):
    for n in (1, 2):
        found = risk_coverage(np.full(n, 0.5), np.full(n, bool(rate)))
        assert (found.aurc, found.excess) == (rate, 0)
