import numpy as np
import pytest

from twinlens.suggesting.method import Pool
from twinlens.suggesting.methods.uncertain_clusters import PREFILTER, choose, uncertainty


def sure(count, uncertain):
    p = np.tile([0.98, 0.01, 0.01], (count, 1))
    p[uncertain] = [0.45, 0.44, 0.11]
    return p


def test_uncertainty_is_one_minus_the_margin():
    p = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.2, 0.3, 0.5]])
    assert uncertainty(p) == pytest.approx([1, 0, 0.8])
    assert uncertainty(np.ones((2, 1))).tolist() == [0, 0]


def test_uncertain_images_are_taken_one_of_each_cluster(planted):
    sizes = [60, 60, 60]
    _, cluster = planted(sizes)
    uncertain = np.flatnonzero(np.arange(180) % 60 < 10)  # ten in each cluster: all prefiltered
    pool, _ = planted(sizes, probabilities=sure(180, uncertain))
    picks = choose(pool, 3, seed=0)
    rows = [pick.row for pick in picks]
    assert len(uncertain) == PREFILTER * 3
    assert set(rows) <= set(uncertain.tolist())
    assert sorted(cluster[rows]) == [0, 1, 2]
    assert picks[0].score == pytest.approx(0.99)


def test_weights_draw_the_choice_to_uncertain_images():
    x = np.array([[1.0, 0], [0.9, 0.1], [0.5, 0.5], [0, 1]])
    p = np.array([[0.5, 0.5], [0.99, 0.01], [0.99, 0.01], [0.99, 0.01]])
    assert [pick.row for pick in choose(Pool(x, np.zeros(4, bool), p), 1, seed=0)] == [0]


def test_labelled_images_are_left_out_and_no_row_comes_twice(planted):
    pool, _ = planted([6, 3], labelled=[1], probabilities=sure(9, [1]))
    assert sorted(pick.row for pick in choose(pool, 50, seed=0)) == [0, *range(2, 9)]
    nothing, _ = planted([2, 2], labelled=range(4), probabilities=sure(4, [1]))
    assert choose(nothing, 4, seed=0) == []


def test_equal_features_are_taken_once_each():
    pool = Pool(np.ones((7, 3)), np.zeros(7, bool), sure(7, [2]))
    assert len({pick.row for pick in choose(pool, 5, seed=0)}) == 5
