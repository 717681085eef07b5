from unittest.mock import patch

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from twinlens.evaluation import bootstrap
from twinlens.evaluation.bootstrap import (
    confusion_metrics,
    confusions,
    draw_groups,
    drawn_scores,
    least_recognised,
    seeds_and_groups,
    two_models,
)
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.statistics import NO_INTERVAL

SIZES = np.array([60, 20])  # test groups of each class in the simulated worlds
RATES = [[0.8, 0.75], [0.5, 0.4]]  # of right answers, by class and arm
HARD = [[0.8, 0.75], [0.1, 0.2]]  # a class that is seldom recognised
HARDER = [[0.8, 0.75], [0.05, 0.1]]
EASY = [[0.8, 0.75], [0.95, 0.9]]


@pytest.mark.parametrize("absent", [(), (1,), (0, 1)])
def test_metrics_of_a_confusion_matrix_are_those_of_the_predictions(absent):
    random = np.random.default_rng(0)
    labels = random.choice([c for c in range(4) if c not in absent], 60)
    p = random.dirichlet(np.ones(4), 60)
    p[:, 3] *= not absent  # nor is this class predicted then
    expected = score_predictions(labels, p, list("abcd"))
    found = confusion_metrics(np.array(expected.confusion))
    assert {m: float(found[m]) for m in METRICS} == pytest.approx(expected.metrics, abs=1e-12)


def test_draws_are_of_whole_groups_and_leave_each_class_its_number():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    groups = ["a", "a", "b", "c", "c", "d", "e", "f"]
    draws = draw_groups(labels, groups, draws=500)
    assert draws.group.tolist() == [0, 0, 1, 2, 2, 3, 4, 5]
    assert [own.tolist() for own in draws.strata] == [[0, 1], [2, 3, 4], [5]]
    for own, counts in zip(draws.strata, draws.counts, strict=True):
        assert counts.shape == (500, len(own))
        assert set(counts.sum(axis=1)) == {len(own) - 1}
    assert draws.counts[1].mean(axis=0) == pytest.approx([2 / 3] * 3, abs=0.1)
    again = draw_groups(labels, groups, draws=500)
    assert all((a == b).all() for a, b in zip(draws.counts, again.counts, strict=True))


def test_the_least_recognised_class_is_that_of_the_better_model():
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    draws = draw_groups(labels, list("aabcdef"), draws=5)
    ours, theirs = np.array([[0, 0, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0, 1]])
    tables = np.stack([confusions(labels, each, 3, draws) for each in (ours, theirs)], axis=1)
    assert least_recognised(tables) == 1  # of class 0 the group a, though two images; 2 is absent
    assert least_recognised(tables[:, 1:]) == 0


def test_a_group_of_several_classes_counts_for_the_rarest():
    draws = draw_groups(np.array([0, 1, 0, 0]), ["a", "a", "b", "c"], draws=5)
    assert [own.tolist() for own in draws.strata] == [[1, 2], [0]]


def test_the_matrix_product_equals_drawing_images_one_by_one():
    random = np.random.default_rng(1)
    labels, predicted = random.integers(0, 3, (2, 90))
    groups = labels * 10 + random.integers(0, 10, 90)
    draws = draw_groups(labels, [f"{g:02d}" for g in groups], draws=6)
    counted = confusions(labels, predicted, 3, draws)
    assert counted.sum() == 90
    found = drawn_scores(counted, draws)
    for draw in range(6):
        weight = np.zeros(len(counted))
        for own, counts in zip(draws.strata, draws.counts, strict=True):
            weight[own] = counts[draw] * len(own) / (len(own) - 1)
        table = np.zeros((3, 3))
        np.add.at(table, (labels, predicted), weight[draws.group])
        for metric, value in confusion_metrics(table).items():
            assert found[metric][0, draw] == pytest.approx(float(value), abs=1e-12)
        only_first = np.where(np.isin(draws.group, draws.strata[0]), weight[draws.group], 1)
        table = np.zeros((3, 3))
        np.add.at(table, (labels, predicted), only_first)
        assert found["macro_f1"][1, draw] == pytest.approx(
            float(confusion_metrics(table)["macro_f1"]), abs=1e-12
        )


def test_accuracy_of_single_images_has_the_textbook_variance():
    """The stratified variance of a mean: sum over classes of (n_c / n)^2 s_c^2 / n_c."""
    labels = np.repeat([0, 1], [60, 20])
    right = np.random.default_rng(2).random(80) < 0.7
    draws = draw_groups(labels, [f"{i:02d}" for i in range(80)], draws=20_000)
    found = drawn_scores(confusions(labels, np.where(right, labels, 1 - labels), 2, draws), draws)
    expected = sum(
        (n / 80) ** 2 * right[labels == c].var(ddof=1) / n for c, n in ((0, 60), (1, 20))
    )
    assert found["accuracy"][0].var() == pytest.approx(expected, rel=0.05)


def _worlds(random, repetitions, seeds, *, shared, seed_sd, draws=100, rates=RATES):
    """Draw confusion matrices (group, repetition, seed, arm, class, class) of two arms.

    An image is right where a normal number is below its arm's threshold; the number is partly of
    its group and partly its own, and the models share a part of both. A group has one or two
    images. The seed moves the threshold.
    """
    stratum = np.repeat([0, 1], SIZES)
    shape = (len(stratum), repetitions, seeds, 2)
    threshold = ndtri(np.array(rates))[stratum][:, None, None]
    threshold = threshold + seed_sd * random.normal(size=(1, *shape[1:]))
    of_group = _mixed(random, shape, shared)
    tables = np.zeros((*shape, 2, 2), dtype=np.float32)
    there = np.ones((*shape[:2], 1, 1), dtype=bool)
    for _ in range(2):
        number = np.sqrt(0.5) * (of_group + _mixed(random, shape, shared))
        for c in (0, 1):
            right = (number < threshold)[stratum == c]
            tables[stratum == c, ..., c, c] += right & there[stratum == c]
            tables[stratum == c, ..., c, 1 - c] += ~right & there[stratum == c]
        there = random.random((*shape[:2], 1, 1)) < 0.4
    names = [f"{i:03d}" for i in range(len(stratum))]
    with patch.object(bootstrap, "generator", return_value=random):  # other draws each time
        return tables, draw_groups(stratum, names, draws=draws)


def _mixed(random, shape, shared):
    common, own = random.normal(size=(*shape[:2], 1, 1)), random.normal(size=shape)
    return np.sqrt(shared) * common + np.sqrt(1 - shared) * own


def _truth(seed_sd, rates):
    """The expected difference, over seeds, for infinitely many test groups."""
    moved = np.random.default_rng(0).normal(size=(100_000, 1, 1)) * seed_sd
    right = ndtr(ndtri(np.array(rates)) + moved) * SIZES[:, None]
    tables = np.zeros((len(moved), 2, 2, 2))
    for c in (0, 1):
        tables[..., c, c] = right[:, c]
        tables[..., c, 1 - c] = SIZES[c] - right[:, c]
    return {
        metric: (value[:, 0] - value[:, 1]).mean()
        for metric, value in confusion_metrics(tables).items()
    }


def _coverage(repetitions, seeds, at_a_time, *, shared, seed_sd=0.0, draws=100, rates=RATES):
    """Return by metric how often intervals hold the truth, and how many were shown at least."""
    random, truth = np.random.default_rng(seeds), _truth(seed_sd, rates)
    held: dict[str, list[bool]] = {metric: [] for metric in METRICS}
    for _ in range(repetitions // at_a_time):
        tables, drawn_groups = _worlds(
            random, at_a_time, seeds, shared=shared, seed_sd=seed_sd, draws=draws, rates=rates
        )
        observed, drawn = confusion_metrics(tables.sum(axis=0)), drawn_scores(tables, drawn_groups)
        for metric in METRICS:
            values = observed[metric][..., 0] - observed[metric][..., 1]
            redrawn = drawn[metric][..., 0] - drawn[metric][..., 1]
            for i in range(at_a_time):
                if seeds == 1:
                    one = {"recognised": least_recognised(tables[:, i, 0])}
                    one = two_models(values[i, 0], redrawn[:, :, i, 0], drawn_groups, **one)
                    found = one.interval
                else:
                    found = seeds_and_groups(values[i], redrawn[:, :, i], drawn_groups)
                if found:
                    held[metric].append(found[0] <= truth[metric] <= found[1])
    return {m: np.mean(each) for m, each in held.items()}, min(map(len, held.values()))


@pytest.mark.parametrize(
    ("shared", "rates", "at_least"),
    [
        (0.5, RATES, 2900),
        (0.9, RATES, 2900),
        (0.9, HARD, 2500),
        (0.5, HARDER, 1500),
        (0.9, EASY, 2300),
    ],
)
def test_the_interval_of_two_models_covers_where_images_come_in_groups(shared, rates, at_least):
    found, shown = _coverage(3000, 1, 250, shared=shared, draws=300, rates=rates)
    assert shown > at_least
    assert [m for m, share in found.items() if not 0.93 <= share <= 0.97] == [], found


@pytest.mark.parametrize(
    ("seeds", "repetitions", "shared"), [(10, 1600, 0.1), (10, 800, 0.9), (35, 400, 0.5)]
)
def test_the_interval_over_seeds_and_groups_covers(seeds, repetitions, shared):
    found, shown = _coverage(repetitions, seeds, 10, shared=shared, seed_sd=0.2)
    assert shown == repetitions
    assert [m for m, share in found.items() if not 0.93 <= share <= 0.97] == [], found


@pytest.mark.parametrize("seeds", [3, 5])
def test_seeds_and_groups_are_not_resampled_together_from_few_seeds(seeds):
    tables, draws = _worlds(np.random.default_rng(0), 1, seeds, shared=0.5, seed_sd=0.2)
    drawn = drawn_scores(tables[:, 0], draws)["accuracy"]
    assert seeds_and_groups(np.arange(seeds), drawn[..., 0] - drawn[..., 1], draws) == NO_INTERVAL


def test_the_interval_over_test_images_is_not_shown_where_it_would_not_cover():
    labels = np.repeat([0, 1], [30, 19])
    few = draw_groups(labels, [f"{i:02d}" for i in range(49)], draws=50)
    a, b = (drawn_scores(confusions(labels, labels * x, 2, few), few) for x in (1, 0))
    found = two_models(0.5, a["accuracy"] - b["accuracy"], few, recognised=19)
    assert found.interval == NO_INTERVAL
    assert "A class has only 19 test groups" in found.note
    labels = np.repeat([0, 1], [30, 20])
    enough = draw_groups(labels, [f"{i:02d}" for i in range(50)], draws=50)
    same = drawn_scores(confusions(labels, labels, 2, enough), enough)["accuracy"]
    found = two_models(0.0, same - same, enough, recognised=20)
    assert found.interval == NO_INTERVAL
    assert "have the same score on every test group" in found.note
    found = two_models(0.0, same - same, enough, recognised=2)
    assert found.interval == NO_INTERVAL
    assert "any test group of one class (at most 2)" in found.note
    nothing = np.repeat((same - same)[..., None], 10, axis=-1)
    assert seeds_and_groups(np.zeros(10), nothing, enough) == NO_INTERVAL
