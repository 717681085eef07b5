import numpy as np

from twinlens.auditing.label_errors import suspected_label_errors
from twinlens.auditing.neighbours import Neighbours, nearest_neighbours


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
