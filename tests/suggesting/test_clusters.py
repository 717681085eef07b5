import numpy as np
import pytest

from twinlens.suggesting.clusters import FEW, k_means


@pytest.mark.parametrize("clusters", [3, FEW + 10])
def test_planted_clusters_are_found(clusters):
    truth = np.repeat(np.arange(clusters), 5)
    x = np.eye(clusters)[truth] * 10 + np.random.default_rng(0).normal(0, 0.01, (5 * clusters, 1))
    found = k_means(x, clusters, seed=0).labels_
    together = found[:, None] == found
    assert (together == (truth[:, None] == truth)).mean() > 0.98


def test_weights_move_the_centre():
    x = np.array([[0.0], [1.0]])
    centre = k_means(x, 1, seed=0, weights=np.array([3.0, 1.0])).cluster_centers_
    assert centre.item() == pytest.approx(0.25)
