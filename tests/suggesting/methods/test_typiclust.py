import numpy as np
import pytest

from twinlens.suggesting.method import Pool
from twinlens.suggesting.methods.typiclust import choose, typicality


def test_typicality_equals_equation_4_written_with_loops():
    x = np.random.default_rng(0).normal(size=(9, 3))
    for row, found in enumerate(typicality(x)):
        distances = sorted(np.sqrt(((x[row] - y) ** 2).sum()) for i, y in enumerate(x) if i != row)
        assert found == pytest.approx(1 / (sum(distances[:4]) / 4 + 1e-5))


def test_one_of_each_cluster_the_largest_first(planted):
    pool, cluster = planted([10, 30, 20])
    assert cluster[[pick.row for pick in choose(pool, 3, seed=0)]].tolist() == [1, 2, 0]


def test_a_typical_image_comes_before_an_outlier(planted):
    pool, _ = planted([30, 30])
    x = pool.features.copy()
    x[0] = x[0] + [0, 0, 0.4, 0.4]  # still of cluster 0, but far from the rest
    picks = choose(Pool(x, pool.labelled), 2, seed=0)
    first = next(pick for pick in picks if pick.row < 30)
    of_cluster = typicality(x[:30])
    assert of_cluster.argmin() == 0
    assert first.row == of_cluster.argmax()
    assert first.score == pytest.approx(of_cluster.max())


def test_covered_clusters_come_last(planted):
    pool, cluster = planted([30, 20, 10], labelled=[3])
    picks = choose(pool, 2, seed=0)  # three clusters: of one label and two suggestions
    assert cluster[[pick.row for pick in picks]].tolist() == [1, 2]
    assert "none of them labelled" in picks[0].why


def test_more_than_there_are_gives_each_unlabelled_row_once(planted):
    pool, _ = planted([6, 3], labelled=[1])
    picks = choose(pool, 50, seed=0)
    assert sorted(pick.row for pick in picks) == [0, *range(2, 9)]


def test_nothing_unlabelled_gives_nothing(planted):
    pool, _ = planted([3, 3], labelled=range(6))
    assert choose(pool, 4, seed=0) == []


def test_equal_features_are_taken_once_each():
    pool = Pool(np.ones((7, 3)), np.zeros(7, bool))
    assert len({pick.row for pick in choose(pool, 5, seed=0)}) == 5


def test_the_seed_decides(planted):
    pool, _ = planted([9, 9, 9, 9], spread=0.5)
    assert choose(pool, 6, seed=1) == choose(pool, 6, seed=1) != choose(pool, 6, seed=2)
