import numpy as np
import pytest

from twinlens.data.splits import counts, unlabelled_rows
from twinlens.errors import UserError
from twinlens.splitting.split import split as make_split


def groups_of(dataset, rows):
    return set(dataset.table["group"].iloc[rows])


def sides(dataset, split):
    return [
        groups_of(dataset, rows)
        for rows in (unlabelled_rows(split), split.rows["val"], split.rows["test"])
    ]


def test_no_group_lies_on_two_sides_and_every_image_is_somewhere_or_counted(lesions):
    split = make_split(lesions.path, per_class=100, test=0.25)[0]
    train, val, test = sides(lesions, split)
    assert len(train) + len(val) + len(test) == len(train | val | test)
    everywhere = np.concatenate(list(split.rows.values()))
    assert len(np.unique(everywhere)) == len(everywhere)
    assert split.record.dropped == len(lesions.table) - len(everywhere) > 0
    left_out = np.setdiff1d(np.arange(len(lesions.table)), everywhere)
    assert (lesions.labels[left_out] == -1).all()
    assert groups_of(lesions, left_out) <= val | test


def test_shares_hold_in_every_class_to_within_half_a_group(lesions):
    split = make_split(lesions.path, test=0.25, seed=3)[0]
    for label in range(4):
        of_class = lesions.labels == label
        half = lesions.table["group"][of_class].value_counts().max() / 2
        if (lesions.classes[label]) == "df":
            continue  # four lesions: one for each part, wherever the shares would fall
        for part, share in (("val", 0.1), ("test", 0.25)):
            found = of_class[split.rows[part]].sum()
            assert abs(found - share * of_class.sum()) <= 2 * half


def test_a_rare_class_is_in_every_part(lesions):
    for seed in range(8):
        split = make_split(lesions.path, val=0.01, test=0.01, seed=seed)[0]
        found = counts(lesions, split)
        assert all(found[part]["df"] > 0 for part in ("train", "val", "test"))
        assert split.record.notes == [f"Images left out of the split: {split.record.dropped}."]


def test_only_labelled_images_are_trained_and_tested_on_and_at_most_so_many_a_class(lesions):
    split = make_split(lesions.path, per_class=50)[0]
    for part in ("train", "val", "test"):
        assert (lesions.labels[split.rows[part]] >= 0).all()
    full = make_split(lesions.path)[0]
    train, all_train = counts(lesions, split)["train"], counts(lesions, full)["train"]
    assert train == {name: min(50, n) for name, n in all_train.items()}
    assert np.array_equal(unlabelled_rows(split), unlabelled_rows(full))
    assert all(np.array_equal(split.rows[part], full.rows[part]) for part in ("val", "test"))


def test_too_few_groups_for_all_parts_are_said(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["a"] * 20 + ["pair"] * 2 + ["single"])
    for seed in range(8):
        split = make_split(dataset.path, val=0.3, test=0.3, seed=seed)[0]
        found = counts(dataset, split)
        assert [found[part]["pair"] for part in ("train", "val", "test")] == [1, 0, 1]
        assert [found[part]["single"] for part in ("train", "val", "test")] == [1, 0, 0]
        assert split.record.notes == [
            "Class 'single' is in 1 group of images only: none of it in test and val.",
            "Class 'pair' is in 2 groups of images only: none of it in val.",
        ]


def test_a_share_that_groups_do_not_allow_is_said(tmp_path, dataset_of):
    groups = ["unknown"] * 28 + [f"patient{number // 2}" for number in range(12)]
    data = dataset_of(tmp_path / "data", ["a", "b"] * 20, groups)
    notes = make_split(data.path, test=0.2, val=0.1)[0].record.notes
    assert notes == [
        "In test are 2 images and not 8 (a share of 0.2): groups stay whole, and the largest has "
        "28 of 40."
    ]


def test_a_part_that_is_not_wanted_stays_empty(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["a", "b"] * 10)
    split = make_split(dataset.path, val=0)[0]
    assert [len(split.rows[part]) for part in ("train", "val", "test")] == [16, 0, 4]
    assert split.record.notes == []


def test_groups_of_mixed_labels_stay_whole_and_rare_classes_are_in_every_part(tmp_path, dataset_of):
    random = np.random.default_rng(1)
    lesion = np.repeat(np.arange(120), 4)
    labels = np.array(["common"] * 480, dtype=object)
    labels[lesion < 60] = random.choice(["common", "second"], 240)
    labels[[0, 4, 8]] = "rare"  # one image each of three lesions that hold other labels too
    dataset = dataset_of(tmp_path / "data", labels, [f"lesion{i}" for i in lesion])
    for seed in range(8):
        split = make_split(dataset.path, val=0.2, seed=seed)[0]
        parts = sides(dataset, split)
        assert sum(map(len, parts)) == len(set.union(*parts))
        found = counts(dataset, split)
        assert [found[part]["rare"] for part in ("train", "val", "test")] == [1, 1, 1]
        assert abs(len(split.rows["test"]) - 96) <= 8


def test_a_class_without_training_images_is_an_error(tmp_path, dataset_of):
    # Every group of "b" also holds a class that has a second group; some draws train on those.
    labels = ["x", "b", "x", "y", "b", "y", "z", "b", "z"]
    groups = ["g1", "g1", "h1", "g2", "g2", "h2", "g3", "g3", "h3"]
    outcomes = set()
    for seed in range(16):
        dataset = dataset_of(tmp_path / str(seed), labels, groups)
        try:
            split = make_split(dataset.path, val=0, test=0.5, seed=seed)[0]
        except UserError as error:
            assert "'b' is in 3 groups" in str(error)  # noqa: PT017
            assert "try another --seed" in str(error)  # noqa: PT017
            outcomes.add("refused")
        else:
            assert counts(dataset, split)["train"]["b"] > 0
            outcomes.add("made")
    assert outcomes == {"refused", "made"}


def test_nothing_to_split_without_labels(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", [None, None])
    with pytest.raises(UserError, match="has no labels"):
        make_split(dataset.path, test=0.1)
