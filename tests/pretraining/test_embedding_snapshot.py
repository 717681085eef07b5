import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import Split, open_split, unlabelled_rows
from twinlens.pretraining.embedding_snapshot import neighbours, queries, sample, write_snapshot
from twinlens.records.neighbours import NearestNeighbours


@pytest.fixture
def data(phantoms):
    return open_dataset(phantoms)


@pytest.fixture
def rows(data):
    return np.flatnonzero(data.labels >= 0)[:60]


def _clusters(labels, apart, seed=0, dims=12):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(labels.max() + 1, dims)) * apart
    return (centres[labels] + rng.normal(size=(len(labels), dims))).astype(np.float32)


def _written(folder):
    return {path.name for path in folder.iterdir()}


def test_labelled_training_images_are_shown_where_there_are_any(data):
    split = open_split(data)
    seen = unlabelled_rows(split)
    shown = sample(data, split, seen, seed=0, most=20)
    assert len(shown) == 20
    assert np.isin(shown, split.rows["train"]).all()
    assert (data.labels[shown] >= 0).all()
    assert (np.diff(shown) > 0).all()
    assert np.array_equal(shown, sample(data, split, seen, seed=0, most=20))
    assert not np.array_equal(shown, sample(data, split, seen, seed=1, most=20))
    assert np.array_equal(sample(data, split, seen, seed=0), split.rows["train"])


def test_without_labelled_training_images_those_of_the_pretraining_are_shown(data):
    split = open_split(data)
    bare = Split(split.record, split.rows | {"train": split.rows["train"][:0]})
    seen = unlabelled_rows(bare)
    shown = sample(data, bare, seen, seed=0, most=30)
    assert len(shown) == 30
    assert np.isin(shown, seen).all()


def test_clusters_that_the_pretraining_made_come_out_apart(data, rows, tmp_path):
    clusters = np.arange(len(rows)) % 3
    before, after = _clusters(clusters, apart=0), _clusters(clusters, apart=8)
    write_snapshot(tmp_path, before, after, rows, data, seed=0)
    table = pd.read_parquet(tmp_path / "embedding.parquet")
    columns = ["id", "label", "before_x", "before_y", "after_x", "after_y"]
    assert table.columns.tolist() == columns
    assert table["id"].tolist() == data.table["id"].iloc[rows].tolist()
    assert table["label"].tolist() == data.table["label"].iloc[rows].tolist()
    assert _nearest_agree(table[["before_x", "before_y"]], clusters) < 0.6
    assert _nearest_agree(table[["after_x", "after_y"]], clusters) == 1


def _nearest_agree(points, clusters):
    apart = np.linalg.norm(points.to_numpy()[:, None] - points.to_numpy(), axis=2)
    np.fill_diagonal(apart, np.inf)
    return (clusters[apart.argmin(axis=1)] == clusters).mean()


def test_what_did_not_change_stays_where_it_was_and_maps_are_of_one_size(data, rows, tmp_path):
    features = _clusters(np.arange(len(rows)) % 3, apart=4)
    write_snapshot(tmp_path, features, features * 4, rows, data, seed=0)
    table = pd.read_parquet(tmp_path / "embedding.parquet")
    before, after = table[["before_x", "before_y"]], table[["after_x", "after_y"]]
    np.testing.assert_allclose(after, before, atol=1e-9)
    for points in (before.to_numpy(), after.to_numpy()):
        np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-9)
        assert (points**2).sum(axis=1).mean() == pytest.approx(1)


def test_the_second_map_is_turned_as_near_to_the_first_as_it_can_be(data, rows, tmp_path):
    clusters = np.arange(len(rows)) % 4
    before, after = _clusters(clusters, apart=4), _clusters(clusters, apart=4, seed=1)
    write_snapshot(tmp_path, before, after, rows, data, seed=0)
    table = pd.read_parquet(tmp_path / "embedding.parquet")
    first, second = table[["before_x", "before_y"]].values, table[["after_x", "after_y"]].values
    apart = ((first - second) ** 2).sum()
    for angle in np.linspace(0.1, 6, 30):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for flip in ([1, 1], [1, -1]):
            assert ((first - second @ turn * flip) ** 2).sum() >= apart


def test_neighbours_are_the_true_nearest_and_never_of_the_same_group():
    rng = np.random.default_rng(0)
    features, groups = rng.normal(size=(40, 6)), np.arange(40) // 4
    wanted = np.array([3, 17, 0])
    found = neighbours(features, groups, wanted, count=5)
    for query, places in zip(wanted, found, strict=True):
        cosine = {}
        for other in range(40):
            if groups[other] != groups[query]:
                lengths = np.linalg.norm(features[query]) * np.linalg.norm(features[other])
                cosine[other] = sum(features[query] * features[other]) / lengths
        assert places.tolist() == sorted(cosine, key=cosine.get, reverse=True)[:5]


def test_each_class_has_its_query_before_one_has_two():
    labels, groups = np.array([2] * 50 + [0] * 9 + [1]), np.arange(60)
    chosen = queries(labels, groups, seed=0)
    assert (np.diff(labels[chosen]) >= 0).all()
    counts = np.bincount(labels[chosen])
    assert counts[1] == 1
    assert sorted(counts) == [1, 3, 4]
    assert not np.array_equal(chosen, queries(labels, groups, seed=1))
    many = groups % 12
    assert len(set(many[queries(many, groups, seed=0)])) == 8


def test_an_image_whose_group_is_nearly_all_there_is_has_no_neighbours():
    groups = np.array([0] * 6 + [1, 2, 3, 4])
    assert queries(np.zeros(10, dtype=int), groups, seed=0).tolist() == [6, 7, 8, 9]


def test_the_queries_and_their_neighbours_are_written_as_names_and_as_pictures(
    data, rows, tmp_path
):
    before = _clusters(data.labels[rows], apart=0)
    after = _clusters(data.labels[rows], apart=9, seed=1)
    write_snapshot(tmp_path, before, after, rows, data, seed=0)
    stored = NearestNeighbours.read(tmp_path / "neighbours.json")
    assert (stored.side, stored.count, len(stored.queries)) == (32, 5, 8)
    known = data.table.set_index("id")
    for query in stored.queries:
        for image in [query, *query.before, *query.after]:
            assert image.label == known["label"][image.id]
        for image in [*query.before, *query.after]:
            assert known["group"][image.id] != known["group"][query.id]
    agree = {
        when: np.mean([n.label == q.label for q in stored.queries for n in getattr(q, when)])
        for when in ("before", "after")
    }
    assert agree["after"] > agree["before"] + 0.2
    picture = np.asarray(Image.open(tmp_path / "neighbours.png"))
    assert picture.shape == (8 * 36 - 4, 11 * 36 - 4, 3)
    place = pd.Index(data.table["id"]).get_loc(stored.queries[2].after[4].id)
    assert np.array_equal(picture[2 * 36 : 2 * 36 + 32, 10 * 36 :], data.images[place])


def test_the_same_seed_gives_the_same_files(data, rows, tmp_path):
    before, after = _clusters(data.labels[rows], 1), _clusters(data.labels[rows], 3, seed=1)
    for name in ("first", "again"):
        write_snapshot(tmp_path / name, before, after, rows, data, seed=5)
    assert len(_written(tmp_path / "first")) == 3
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("images", "files"),
    [
        (1, set()),
        (2, set()),
        (4, set()),
        (5, {"embedding.parquet"}),
        (6, {"embedding.parquet", "neighbours.json", "neighbours.png"}),
    ],
)
def test_too_few_images_leave_files_out(data, rows, tmp_path, images, files):
    apart = data.table.drop_duplicates("group").index.to_numpy()[:images]
    features = np.random.default_rng(0).normal(size=(images, 16)).astype(np.float32)
    write_snapshot(tmp_path, features, features, apart, data, seed=0)
    assert _written(tmp_path) == files


def test_a_collapsed_encoder_is_one_point_and_broken_features_are_not_shown(data, rows, tmp_path):
    before = _clusters(data.labels[rows], 3)
    same = np.repeat(before[:1], len(rows), axis=0)
    write_snapshot(tmp_path, before, same, rows, data, seed=0)
    table = pd.read_parquet(tmp_path / "embedding.parquet")
    assert (table[["after_x", "after_y"]] == 0).all(axis=None)
    assert table["before_x"].std() > 0
    broken = before.copy()
    broken[3, 3] = np.nan
    write_snapshot(tmp_path / "broken", before, broken, rows, data, seed=0)
    assert not (tmp_path / "broken").exists()


def test_features_on_a_line_make_a_map_without_missing_numbers(data, rows, tmp_path):
    line = np.arange(len(rows), dtype=np.float32)[:, None]
    write_snapshot(tmp_path, line, line * np.ones((1, 9), np.float32), rows, data, seed=0)
    assert pd.read_parquet(tmp_path / "embedding.parquet").notna().all(axis=None)


def test_without_labels_the_queries_are_any_images(data, rows, tmp_path):
    bare = shutil.copytree(data.path, tmp_path / "bare")
    table = pd.read_parquet(bare / "images.parquet")
    table.assign(label=None).to_parquet(bare / "images.parquet", index=False)
    out = tmp_path / "out"
    features = _clusters(data.labels[rows], 3)
    write_snapshot(out, features, features, rows, open_dataset(bare), seed=0)
    stored = NearestNeighbours.read(out / "neighbours.json")
    assert len(stored.queries) == 8
    assert {query.label for query in stored.queries} == {None}
    assert pd.read_parquet(out / "embedding.parquet")["label"].isna().all()
