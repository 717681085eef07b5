from itertools import permutations

import numpy as np
import pytest

from twinlens.evaluation.trust.selective import COVERAGES, risk_coverage, selective_scores


def curve(confidence, wrong, weights=None):
    """Return the risks, their mean and its excess of one weighting."""
    found = risk_coverage(np.asarray(confidence), np.asarray(wrong), weights)
    return found.risk[0], float(found.aurc[0]), float(found.excess[0])


def test_risk_and_area_are_those_of_the_definition():
    risk, aurc, excess = curve([0.6, 0.9, 0.7, 0.8], [True, False, False, True])
    np.testing.assert_allclose(risk, [0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert excess == pytest.approx(aurc - (1 / 3 + 2 / 4) / 4)
    found = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([False, True, False, True]))
    assert [found.risk_at(c)[0] for c in (0.1, 0.5, 0.51, 1.0)] == [0, 1 / 2, 1 / 3, 1 / 2]


def test_a_tie_is_the_mean_over_its_orders():
    confidence, wrong = np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, False, True, False])
    orders = [[0, *rest] for rest in permutations([1, 2, 3])]
    expected = np.mean([curve(-np.arange(4.0), wrong[order])[0] for order in orders], axis=0)
    shuffled = [2, 3, 1, 0]
    np.testing.assert_allclose(curve(confidence, wrong)[0], expected)
    np.testing.assert_allclose(curve(confidence[shuffled], wrong[shuffled])[0], expected)


def test_weights_repeat_images():
    random = np.random.default_rng(0)
    confidence, wrong = random.random(30).round(1), random.random(30) < 0.4
    times = random.integers(0, 3, 30)
    rows = np.repeat(np.arange(30), times)
    _, aurc, _ = curve(confidence, wrong, times[None].astype(float))
    assert aurc == pytest.approx(curve(confidence[rows], wrong[rows])[1], abs=0.02)
    twice = curve(confidence, wrong, np.full((1, 30), 2.0))
    assert twice[1] == pytest.approx(curve(confidence, wrong)[1])


def test_a_confidence_that_ranks_errors_last_has_no_excess():
    wrong = np.random.default_rng(0).random(50) < 0.3
    assert curve(1.0 - wrong, wrong)[2] == pytest.approx(0)
    order = np.argsort(wrong, kind="stable")
    assert curve(-np.arange(50.0), wrong[order])[2] == pytest.approx(0)
    assert curve(np.arange(50.0), wrong[order])[2] > 0.3


@pytest.mark.parametrize("rate", [0, 1])
def test_limits(rate):
    for n in (1, 2):
        _, aurc, excess = curve(np.full(n, 0.5), np.full(n, bool(rate)))
        assert (aurc, excess) == (rate, pytest.approx(0))


def test_scores_have_intervals_and_a_curve_of_few_points():
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 600)
    logits = random.normal(size=(600, 3))
    logits[np.arange(600), labels] += 1.5
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = selective_scores(labels, p, [f"g{i // 2}" for i in range(600)])
    error = (p.argmax(axis=1) != labels).mean()
    assert [each.coverage for each in found.errors] == [*COVERAGES]
    assert found.errors[0].error.value == pytest.approx(error)
    assert found.errors[0].error.low < error < found.errors[0].error.high
    values = [each.error.value for each in found.errors]
    assert values == sorted(values, reverse=True)  # the less is answered, the fewer errors
    assert found.aurc.low < found.aurc.value < found.aurc.high
    assert len(found.curve) == 200
    assert found.curve[-1] == (1.0, pytest.approx(error))


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_groups_have_numbers_and_a_reason(n):
    found = selective_scores(np.zeros(n, int), np.full((n, 2), 0.5), ["g"] * n)
    assert found.aurc.value == 0
    assert found.aurc.low is None
    assert "no interval" in found.aurc.note
