import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.crossed_effects import (
    Groups,
    GroupShares,
    crossed_difference,
    group_shares,
    number_groups,
)
from twinlens.evaluation.uncertainty.sequential import level_at
from twinlens.evaluation.uncertainty.statistics import NO_INTERVAL, paired_difference

ACCURACY = "accuracy"


def test_a_group_of_several_classes_counts_for_the_rarest():
    groups = number_groups(np.array([0, 1, 0, 0]), ["a", "a", "b", "c"])
    assert groups.of_image.tolist() == [0, 0, 1, 2]
    assert [own.tolist() for own in groups.strata] == [[1, 2], [0]]


@pytest.mark.parametrize("metric", [n for n, m in METRICS.items() if m.of_confusion])
def test_shares_are_what_a_metric_loses_without_a_group(metric):
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 200)
    predicted = np.where(random.random(600) < 0.7, labels, random.integers(0, 3, 600))
    names = [f"{i // 2:03d}" for i in range(600)]
    found = group_shares(labels, predicted, 4, number_groups(labels, names))[metric]
    for group in (0, 150, 299):
        kept = np.arange(600) // 2 != group
        confusion = np.zeros((4, 4))
        np.add.at(confusion, (labels[kept], predicted[kept]), 1)
        without = float(METRICS[metric].of_confusion(confusion))
        assert found.of_group[group] == pytest.approx(found.value - without, rel=0.02, abs=1e-6)


def test_accuracy_of_single_images_has_the_textbook_variance():
    """The stratified variance of a mean: sum over classes of (n_c / n)^2 s_c^2 / (n_c - 1)."""
    labels = np.repeat([0, 1], [60, 20])
    right = np.random.default_rng(2).random(80) < 0.7
    groups = number_groups(labels, [f"{i:02d}" for i in range(80)])
    ours = group_shares(labels, np.where(right, labels, 1 - labels), 2, groups)[ACCURACY]
    perfect = group_shares(labels, labels, 2, groups)[ACCURACY]
    found = crossed_difference([ours], [perfect], groups)
    expected = sum(
        (n / 80) ** 2 * right[labels == c].var(ddof=1) / (n - 1) for c, n in ((0, 60), (1, 20))
    )
    assert found.variance.total == pytest.approx(expected, rel=1e-6)
    assert found.p is None  # of one seed: these two models
    assert np.mean(found.interval) == pytest.approx(right.mean() - 1)


def test_the_variance_is_that_of_two_crossed_random_effects():
    """Mean squares of a two-way table: MS of seeds / (n G) + (of groups - of both) / n (G - 1)."""
    random = np.random.default_rng(3)
    seeds, count = 4, 30
    table = (
        random.normal(size=(count, 1))
        + random.normal(size=seeds)
        + random.normal(size=(count, seeds))
    )
    grand, by_group, by_seed = table.mean(), table.mean(1, keepdims=True), table.mean(0)
    of_seeds = count * ((by_seed - grand) ** 2).sum() / (seeds - 1)
    of_groups = seeds * ((by_group - grand) ** 2).sum() / (count - 1)
    rest = ((table - by_group - by_seed + grand) ** 2).sum() / (seeds - 1) / (count - 1)
    shares = [GroupShares(float(x.mean()), x / count) for x in table.T]
    nothing = [GroupShares(0.0, np.zeros(count))] * seeds
    found = crossed_difference(shares, nothing, Groups(np.arange(count), [np.arange(count)]))
    common = (of_groups - rest) / seeds / (count - 1)
    assert found.variance.of_groups == pytest.approx(common)
    assert found.variance.total == pytest.approx(of_seeds / seeds / count + common)


def test_two_seeds_have_a_variance_between_them():
    own, other = (GroupShares(x, np.array([0.01, 0, -0.01])) for x in (0.5, 0.6))
    none = GroupShares(0.0, np.zeros(3))
    groups = Groups(np.arange(3), [np.arange(3)])
    found = crossed_difference([own, other], [none, none], groups)
    assert found.variance.of_seeds == pytest.approx(0.1**2 / 2 / 2)  # s^2 / n
    assert found.variance.free_groups == pytest.approx(3 - 1)


def test_models_that_do_not_differ_have_no_interval():
    labels = np.repeat([0, 1], 20)
    groups = number_groups(labels, [f"{i:02d}" for i in range(40)])
    same = group_shares(labels, labels, 2, groups)[ACCURACY]
    for seeds in (1, 3):
        found = crossed_difference([same] * seeds, [same] * seeds, groups)
        assert (found.interval, found.p) == (NO_INTERVAL, None)
        assert "have the same score on every test group" in found.note


COUNTS = [19, 81, 218, 17, 288, 500, 26, 21]  # test images by class, as of dermatoscopy; fewer nevi
TYPICAL = np.array(
    [[0.5, 0.64, 0.62, 0.45, 0.62, 0.82, 0.35, 0.72], [0.45, 0.6, 0.6, 0.4, 0.6, 0.8, 0.3, 0.7]]
).T  # recall by class and arm
HARD = np.array(
    [[0.1, 0.6, 0.5, 0.05, 0.5, 0.9, 0.05, 0.15], [0.05, 0.55, 0.5, 0.03, 0.5, 0.9, 0.02, 0.1]]
).T
EASY = np.array([[0.97] * 8, [0.95] * 8]).T


def _studies(seeds, recall, *, seed_sd, repetitions):
    """Yield the two arms of simulated studies, the test groups and the population's difference.

    An image is recognised where a normal number is below its class's threshold in its arm, which
    the seed moves. The number is partly of the group (of one to some images) and partly of the
    image, and of both a part is shared by all models, and another by the seeds of an arm. The
    metric is balanced accuracy, whose shares are right answers less the recall of the class.
    """
    random = np.random.default_rng(seeds)
    draw = random.standard_normal
    labels, images = np.repeat(np.arange(8), COUNTS), np.array(COUNTS)[:, None, None]
    first = np.cumsum(COUNTS)[:-1]
    begins = (random.random(len(labels)) < 0.5) | np.isin(range(len(labels)), [0, *first])
    groups = number_groups(labels, [f"{name:05d}" for name in np.cumsum(begins)])
    threshold = ndtri(recall)
    truth = -np.diff(ndtr(threshold / np.sqrt(1 + seed_sd**2)).mean(axis=0))[0]

    def mixed(size):
        shared = [draw((size, *shape), np.float32) for shape in ((1, 1), (1, 2), (seeds, 2))]
        return sum(w**0.5 * x for w, x in zip((0.5, 0.2, 0.3), shared, strict=True))

    for _ in range(repetitions):
        of_group = mixed(begins.sum())[groups.of_image]
        moved = threshold[:, None] + seed_sd * draw((8, seeds, 2))
        right = 0.5**0.5 * (of_group + mixed(len(labels))) < moved[labels]
        found = np.add.reduceat(right, [0, *first]) / images
        shares = (right - found[labels]) / (8 * images[labels])
        shares, value = np.add.reduceat(shares, np.flatnonzero(begins)), found.mean(axis=0)
        arms = (
            [GroupShares(value[s, arm], shares[:, s, arm]) for s in range(seeds)] for arm in (0, 1)
        )
        yield *arms, groups, truth


def _holds(interval, truth):
    low, high = interval
    return low is not None and low <= truth <= high


@pytest.mark.parametrize(("seeds", "recall"), [(1, HARD), (3, TYPICAL), (5, EASY), (9, HARD)])
def test_the_interval_covers_the_population_where_rare_classes_have_few_groups(seeds, recall):
    seed_sd = 0.1 if seeds > 1 else 0.0  # one seed: the difference of these two models
    held = []
    for ours, theirs, groups, truth in _studies(seeds, recall, seed_sd=seed_sd, repetitions=600):
        over_seeds = paired_difference([x.value for x in ours], [x.value for x in theirs])
        both = crossed_difference(ours, theirs, groups)
        held.append([_holds(found.interval, truth) for found in (both, over_seeds)])
    covered = np.mean(held, axis=0)
    assert 0.93 <= covered[0] <= 0.98
    assert covered[1] < {1: 0.01, 3: 0.94, 5: 0.88, 9: 0.78}[seeds]  # that over seeds alone


@pytest.mark.parametrize("seed_sd", [0.1, 0.3])
def test_who_adds_seeds_until_there_is_a_difference_finds_one_no_more_often(seed_sd):
    looks, same = (3, 5, 10), TYPICAL[:, [0, 0]]
    found = np.array(
        [
            [crossed_difference(ours[:n], theirs[:n], groups).p for n in looks]
            for ours, theirs, groups, _ in _studies(10, same, seed_sd=seed_sd, repetitions=400)
        ]
    )
    assert (found < [1 - level_at(looks, n) for n in looks]).any(axis=1).mean() <= 0.06
    assert (found < 0.05).any(axis=1).mean() > 0.06  # what happens uncorrected
