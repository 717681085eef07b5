import numpy as np
import pytest
from scipy import stats

from twinlens.evaluation.uncertainty.cluster_bootstrap import Bootstrap, _levels, bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups

slow = pytest.mark.slow


def _mean_of(values):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


def _interval(values, groups, resamples=1000, seed=0):
    labels = np.zeros(len(values), dtype=int)
    found = bootstrap(
        _mean_of(values), number_groups(labels, groups), resamples=resamples, seed=seed
    )
    (estimate,) = found.estimates()
    return estimate


def test_of_single_images_of_one_class_it_is_scipys_bca_interval():
    values = np.random.default_rng(0).exponential(size=60)
    found = _interval(values, [f"{i:02}" for i in range(60)], resamples=20_000)
    expected = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = expected.high - expected.low
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02 * width)
    assert found.value == pytest.approx(values.mean())


def test_of_several_classes_it_is_scipys_interval_of_several_samples():
    random = np.random.default_rng(0)
    values, labels = random.exponential(size=70), np.repeat([0, 1], [50, 20])
    groups = number_groups(labels, [f"{i:02}" for i in range(70)])
    (found,) = bootstrap(_mean_of(values), groups, resamples=20_000).estimates()

    def mean(a, b, axis):
        return (50 * a.mean(axis=axis) + 20 * b.mean(axis=axis)) / 70

    expected = stats.bootstrap(
        (values[:50], values[50:]), mean, method="BCa", n_resamples=20_000, vectorized=True,
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    width = expected.high - expected.low
    assert (found.low, found.high) == pytest.approx(expected, abs=0.03 * width)


def test_the_influence_on_a_sum_is_the_deviation_from_the_mean_of_the_class():
    values, labels = np.array([1.0, 2.0, 6.0, 10.0, 20.0]), np.array([0, 0, 0, 1, 1])
    groups = number_groups(labels, list("abcde"))
    found = bootstrap(lambda weights: (weights @ values)[:, None], groups, resamples=10)
    assert found.influence[:, 0] == pytest.approx([-2, -1, 3, -5, 5])


@pytest.mark.parametrize(
    ("repeats", "low", "high"), [(100, 0.88, 1.0), pytest.param(1000, 0.93, 0.97, marks=slow)]
)
def test_intervals_over_groups_cover_where_lesions_repeat_and_those_over_images_do_not(
    repeats, low, high
):
    """Correct or not is shared by the four images of a lesion, mostly: the accuracy is 0.7."""
    random, lesions, covered = np.random.default_rng(0), 60, []
    groups = [f"{number // 4:03}" for number in range(4 * lesions)]
    images = [f"{number:03}" for number in range(4 * lesions)]
    for repeat in range(repeats):
        easy = np.repeat(random.beta(0.7, 0.3, lesions), 4)
        correct = (random.random(4 * lesions) < easy).astype(float)
        found = [
            _interval(correct, names, resamples=400, seed=repeat) for names in (groups, images)
        ]
        covered.append([of.low <= 0.7 <= of.high for of in found])
    clustered, unclustered = np.mean(covered, axis=0)
    assert low <= clustered <= high
    assert unclustered < low


def test_differences_of_independent_images_have_their_variances_added():
    random = np.random.default_rng(0)
    sets = [random.normal(of, 1, 200) for of in (0.0, 0.5)]
    groups = number_groups(np.zeros(200, dtype=int), [f"{i:03}" for i in range(200)])
    first, second = (bootstrap(_mean_of(v), groups, seed=i) for i, v in enumerate(sets))
    (found,) = second.minus(first).estimates()
    error = np.hypot(*[v.std() / 200**0.5 for v in sets])
    assert found.value == pytest.approx(sets[1].mean() - sets[0].mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


@pytest.mark.parametrize(
    ("values", "groups", "note"),
    [
        ([0.0, 1.0, 1.0], ["a"] * 3, "No class has two groups"),
        ([1.0, 1.0, 1.0], ["a", "b", "c"], "Every resample of the groups gives the same value"),
        ([np.nan, 1.0, 1.0], ["a", "b", "c"], "undefined for these images"),
    ],
)
def test_without_an_interval_there_is_a_sentence(values, groups, note):
    found = _interval(np.array(values), groups)
    assert note in found.note
    assert (found.low, found.high) == (None, None)
    assert (found.value is None) == ("undefined" in note)


def test_a_number_that_most_resamples_do_not_define_has_no_interval():
    drawn = np.where(np.arange(100)[:, None] < 80, np.linspace(0, 1, 100)[:, None], np.nan)
    (found,) = Bootstrap(np.array([0.5]), drawn, np.zeros((0, 1))).estimates()
    assert "undefined in many resamples" in found.note


@pytest.mark.parametrize(("value", "below"), [(-1, 0.01), (2, 0.99)])
def test_a_value_beyond_all_resamples_is_taken_for_one_of_a_hundred(value, below):
    found = [*_levels(value, np.linspace(0, 1, 100), np.zeros(3))]
    bias = stats.norm.ppf(below)  # and no acceleration
    expected = [stats.norm.cdf(2 * bias + stats.norm.ppf(tail)) for tail in (0.025, 0.975)]
    assert found == pytest.approx(expected, rel=1e-12)
