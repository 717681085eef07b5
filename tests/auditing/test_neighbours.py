import numpy as np
import pandas as pd
import pytest

from twinlens.auditing import neighbours
from twinlens.auditing.duplicates import LINKS
from twinlens.auditing.neighbours import (
    Neighbours,
    nearest_neighbours,
    similar_images,
    suspected_label_errors,
    whiten,
)


def features_like(count, dimensions=64, seed=0):
    """Features of which some directions vary a thousand times more than others."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((count, dimensions)) * np.geomspace(1, 1000, dimensions)
    return (values + 50).astype(np.float32)


def clustered_points(count, seed=0):
    random = np.random.default_rng(seed)
    points = random.standard_normal((count // 25, 24))[random.integers(0, count // 25, count)]
    points += 0.3 * random.standard_normal(points.shape)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def distances_of(points):
    distances = np.linalg.norm(points[:, None] - points.astype(np.float64), axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances


def test_all_directions_count_the_same():
    points = whiten(features_like(3000))
    assert points.shape == (3000, 64)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.cov(points, rowvar=False) * 64, np.eye(64), atol=0.15)


def test_neither_scale_nor_offset_nor_mixing_of_features_matters():
    features = features_like(200)
    mixing = np.random.default_rng(1).standard_normal((64, 64)) / 8
    expected = distances_of(whiten(features))
    np.testing.assert_allclose(distances_of(whiten(features @ mixing * 9 - 4)), expected, atol=0.02)


def test_few_images_have_few_components():
    assert whiten(features_like(60)).shape == (60, 30)
    assert whiten(features_like(400, dimensions=300)).shape == (400, 128)


@pytest.mark.parametrize("count", [2, 11, 300])
def test_of_few_points_the_nearest_are_exact(count):
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


@pytest.mark.parametrize("count", [60, 100, 400])
def test_images_far_nearer_to_each_other_than_to_the_rest_are_linked(count):
    features = features_like(count, dimensions=200)
    copies = features[:12] + features_like(12, dimensions=200, seed=1) / 50
    links = similar_images(nearest_neighbours(whiten(np.concatenate([features, copies]))))
    assert links.columns.tolist() == LINKS
    assert links["a"].tolist() == list(range(12))
    assert links["b"].tolist() == list(range(count, count + 12))
    assert links["score"].between(0.5, 1).all()
    assert set(links["found_by"]) == {"embedding"}


def test_links_do_not_depend_on_the_scale_of_distances():
    found = nearest_neighbours(whiten(features_like(100)))
    rows, distances = found.rows, found.distances
    wide = similar_images(found, threshold=0.95)
    assert len(wide) > 10
    scaled = Neighbours(rows, distances * 50)
    pd.testing.assert_frame_equal(similar_images(scaled, threshold=0.95), wide)
    assert similar_images(found).empty
    assert wide["a"].lt(wide["b"]).all()
    assert not wide.duplicated(["a", "b"]).any()


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_without_a_tenth_neighbour_nothing_is_judged(count):
    features = features_like(5)[np.arange(count) // 2]  # pairs of equal ones
    found = nearest_neighbours(whiten(features))
    assert similar_images(found).empty
    if count < 5:
        assert suspected_label_errors(found, np.zeros(count, int), np.arange(count)).empty


def test_equal_features_do_no_harm():
    points = whiten(np.ones((30, 8), dtype=np.float32))
    found = nearest_neighbours(points)
    rows, distances = found.rows, found.distances
    assert np.isfinite(points).all()
    assert np.isfinite(distances).all()
    assert rows.shape == (30, 10)


def two_clusters(count=24, seed=0):
    """Points around two centres: their neighbours, and the cluster of each."""
    random = np.random.default_rng(seed)
    clusters = np.arange(count) % 2
    points = np.eye(8)[clusters] + 0.1 * random.standard_normal((count, 8))
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return nearest_neighbours(points.astype(np.float32)), clusters


def test_a_label_that_the_neighbours_contradict_is_doubtful():
    found, labels = two_clusters()
    groups = np.arange(24)
    assert suspected_label_errors(found, labels, groups).empty
    labels[5] = 0
    table = suspected_label_errors(found, labels, groups)
    assert table.iloc[0].to_dict() == {"row": 5, "label": 0, "suggested": 1, "agreement": 1.0}
    assert len(table) == 1
    labels[[7, 9, 11, 13]] = 0  # now its neighbours disagree among themselves
    assert suspected_label_errors(found, labels, groups).empty
    table = suspected_label_errors(found, labels, groups, threshold=0.6)
    assert sorted(table["row"]) == [5, 7, 9, 11, 13]


def test_images_without_label_and_of_the_same_group_have_no_say():
    found, labels = two_clusters()
    groups = np.arange(24)
    labels[5] = 0
    siblings = np.where(np.isin(groups, [1, 3, 7, 9]), 5, groups)
    assert suspected_label_errors(found, labels, siblings)["row"].tolist() == [5]
    siblings[[11, 13, 15]] = 5  # four others are left, fewer than half of ten
    assert suspected_label_errors(found, labels, siblings).empty
    bare = np.where(np.isin(groups, [1, 3, 7, 9, 11, 13, 15]), -1, labels)
    assert suspected_label_errors(found, bare, groups).empty
    bare = np.where(groups == 5, -1, labels)  # what has no label has none to doubt
    assert suspected_label_errors(found, bare, groups).empty
    assert suspected_label_errors(found, np.full(24, -1), groups).empty


def test_the_most_certain_doubts_come_first():
    labels = np.array([0, *[1] * 10, 0])
    rows = np.array([range(1, 11)] * 12)
    rows[0, 9] = 11
    table = suspected_label_errors(Neighbours(rows, np.ones(rows.shape)), labels, np.arange(12))
    assert table["row"].tolist() == [11, 0]
    assert table["agreement"].tolist() == [1.0, 0.9]
