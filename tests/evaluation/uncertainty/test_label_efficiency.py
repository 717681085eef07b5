import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation.uncertainty.label_efficiency import Gap, equivalent_labels
from twinlens.evaluation.uncertainty.statistics import NO_INTERVAL, Interval

LABELS = [100, 300, 1000]


def _equivalent(means, half=None):
    """Gaps of an arm from the reference with `LABELS`, and half the width of their intervals."""
    return equivalent_labels(
        {
            amount: Gap(mean, Interval(mean - half, mean + half) if half else NO_INTERVAL)
            for amount, mean in zip(LABELS, means, strict=True)
        }
    )


@pytest.mark.parametrize(
    ("means", "bracket"),
    [
        ((0.2, 0.1, -0.1), (300, 1000)),
        ((0.2, -0.1, -0.2), (100, 300)),
        ((0.2, 0.0, -0.2), (300, 300)),
        ((0.3, 0.2, 0.1), (1000, None)),  # nothing is extrapolated
        ((-0.1, -0.2, -0.3), (None, 100)),
        ((0.2, -0.1, 0.1), (100, None)),  # a curve that falls again says less
        ((-0.1, 0.1, -0.2), (None, 1000)),
        ((-0.1, -0.1, 0.1), (None, None)),
    ],
)
def test_the_means_bracket_the_labels_between_those_run(means, bracket):
    found = _equivalent(means)
    assert found.means == bracket
    assert found.confident == (None, None)


@pytest.mark.parametrize(
    ("half", "bracket"), [(0.04, (300, 1000)), (0.15, (100, None)), (0.25, (None, None))]
)
def test_a_bound_is_where_the_gap_is_sure(half, bracket):
    assert _equivalent((0.2, 0.1, -0.06), half).confident == bracket


CURVES = {
    "linear": lambda x: 0.5 + 0.2 * x,
    "concave": lambda x: 0.5 + 0.25 * (1 - np.exp(-3 * x)),
    "plateau": lambda x: 0.5 + 0.2 / (1 + np.exp(-25 * (x - 0.3))),
    "steps": lambda x: 0.5 + 0.1 * (x > 0.2) + 0.1 * (x > 0.7),
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("n", [3, 9])
def test_the_bounds_cover_whatever_the_learning_curve_looks_like(curve, n):
    """The true number of labels lies anywhere; seeds move all scores alike, and each on its own."""
    random, repetitions = np.random.default_rng(n), 1000
    knots = np.linspace(0, 1, 4)  # of the logarithm of 100, 215, 464 and 1,000 labels
    amounts = np.exp(np.log(100) + knots * np.log(10)).round().astype(int).tolist()
    truth = random.random(repetitions)
    score = np.vectorize(CURVES[curve])
    own = score(truth)[:, None] + random.normal(0, 0.02, (repetitions, n))
    reference = score(knots)[:, None, None] + random.normal(0, 0.02, (4, repetitions, n))
    gaps = own - reference
    mean, error = gaps.mean(axis=-1), gaps.std(axis=-1, ddof=1) / np.sqrt(n)
    low, high = stats.t.interval(0.95, n - 1, loc=mean, scale=error)
    found = [
        equivalent_labels(
            {a: Gap(mean[k, i], Interval(low[k, i], high[k, i])) for k, a in enumerate(amounts)}
        ).confident
        for i in range(repetitions)
    ]
    labels = np.exp(np.log(100) + truth * np.log(10))
    held = [
        (low or 0) <= at + 0.5 and at - 0.5 <= (high or np.inf)
        for (low, high), at in zip(found, labels, strict=True)
    ]
    assert np.mean(held) >= 0.95
    assert np.mean([low is not None or high is not None for low, high in found]) > 0.5
