import numpy as np
import pytest

from twinlens.auditing import neighbours
from twinlens.auditing.neighbours import nearest_neighbours, whiten


def clustered_points(count, seed=0):
    random = np.random.default_rng(seed)
    points = random.standard_normal((count // 25, 24))[random.integers(0, count // 25, count)]
    points += 0.3 * random.standard_normal(points.shape)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def distances_of(points):
    distances = np.linalg.norm(points[:, None] - points.astype(np.float64), axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances


def test_all_directions_count_the_same(features_like):
    points = whiten(features_like(3000))
    assert points.shape == (3000, 64)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.cov(points, rowvar=False) * 64, np.eye(64), atol=0.15)


def test_neither_scale_nor_offset_nor_mixing_of_features_matters(features_like):
    features = features_like(200)
    mixing = np.random.default_rng(1).standard_normal((64, 64)) / 8
    expected = distances_of(whiten(features))
    np.testing.assert_allclose(distances_of(whiten(features @ mixing * 9 - 4)), expected, atol=0.02)


def test_few_images_have_few_components(features_like):
    assert whiten(features_like(60)).shape == (60, 30)
    assert whiten(features_like(400, dimensions=300)).shape == (400, 128)


@pytest.mark.parametrize("count", [2, 11, 300])
def test_of_few_points_the_nearest_are_exact(features_like, count):
    points = whiten(features_like(300))[:count]
    found = nearest_neighbours(points)
    rows, distances = found.rows, found.distances
    expected = distances_of(points)
    number = min(10, count - 1)
    assert rows.shape == distances.shape == (count, number)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :number], atol=1e-3)
    np.testing.assert_allclose(np.take_along_axis(expected, rows, axis=1), distances, atol=1e-3)


def test_of_many_points_nearly_all_of_the_nearest_are_found():
    points = clustered_points(5000)
    found = nearest_neighbours(points)
    rows, distances = found.rows, found.distances
    similarity = points @ points.T
    np.fill_diagonal(similarity, -np.inf)
    expected = np.argpartition(-similarity, 9, axis=1)[:, :10]
    recall = (rows[:, :, None] == expected[:, None]).any(axis=2).mean()
    assert recall > 0.95
    assert (np.diff(distances, axis=1) >= 0).all()
    assert (rows != np.arange(5000)[:, None]).all()
    np.testing.assert_allclose(
        np.linalg.norm(points[:, None] - points[rows], axis=2), distances, atol=2e-3
    )
    np.testing.assert_array_equal(nearest_neighbours(points).rows, rows)


def test_each_point_has_all_its_neighbours_even_if_its_clusters_are_small(monkeypatch):
    monkeypatch.setattr(neighbours, "_EXACT", 0)
    monkeypatch.setattr(neighbours, "_PROBES", 1)
    points = np.concatenate([clustered_points(100), np.repeat(-clustered_points(25)[:1], 40, 0)])
    rows = nearest_neighbours(points, count=20).rows
    assert rows.shape == (140, 20)
    assert all(len(set(row)) == 20 for row in rows.tolist())
    assert (rows != np.arange(140)[:, None]).all()


def test_equal_features_do_no_harm():
    points = whiten(np.ones((30, 8), dtype=np.float32))
    found = nearest_neighbours(points)
    rows, distances = found.rows, found.distances
    assert np.isfinite(points).all()
    assert np.isfinite(distances).all()
    assert rows.shape == (30, 10)
