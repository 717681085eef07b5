from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.records.dataset import DatasetRecord
from twinlens.records.split import Shares
from twinlens.splitting.plans import fold_plans, preset_plan


def in_memory(labels, groups):
    ids = [f"i{n}" for n in range(len(labels))]
    table = pd.DataFrame({"id": ids, "label": labels, "group": [f"g{n}" for n in groups]})
    table["label"] = table["label"].astype("str")
    classes = sorted(table["label"].dropna().unique())
    record = DatasetRecord(size=1, classes=classes, hash="", images=len(ids), skipped=0)
    return Dataset(Path("nowhere"), table, None, record)


def folds_of(dataset, folds, val=0.0, per_class=None, seed=0):
    plans = fold_plans(dataset, folds, Shares(per_class=per_class, val=val), seed, "name")
    assert [plan.name for plan in plans] == [f"name-fold{n}" for n in range(1, folds + 1)]
    return [plan.draw() for plan in plans]


def sides_of_groups(dataset, parts):
    return (
        pd.Series(parts).replace({"unlabelled": "train"}).groupby(dataset.table["group"]).nunique()
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_folds_test_every_labelled_image_once_and_spread_each_class(data):
    groups = np.array(data.draw(st.lists(st.integers(0, 25), min_size=2, max_size=80)))
    of_group = data.draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=26, max_size=26))
    bare = data.draw(st.lists(st.booleans(), min_size=len(groups), max_size=len(groups)))
    labels = [None if no else of_group[g] for g, no in zip(groups, bare, strict=True)]
    dataset = in_memory(labels, groups)
    held = dataset.table.dropna().groupby("label")["group"].nunique()
    folds = data.draw(st.integers(2, 6))
    if held.sum() < folds:
        return
    drawn = folds_of(dataset, folds, val=data.draw(st.sampled_from([0.0, 0.1, 0.4])))
    tested = np.stack([parts == "test" for parts, _ in drawn])
    assert (tested.sum(axis=0) == (dataset.labels >= 0)).all()
    for name, groups_of_class in held.items():
        spread = (tested & (dataset.table["label"] == name).to_numpy()).any(axis=1).sum()
        assert spread == min(folds, groups_of_class)
        for parts, _ in drawn:
            trained = dataset.table["label"][parts == "train"]
            assert (trained == name).any() or groups_of_class == 1
    for parts, _ in drawn:
        assert sides_of_groups(dataset, parts).max() <= 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_folds_of_groups_with_mixed_labels_leave_nobody_out_unsaid(data):
    size = data.draw(st.integers(8, 60))
    groups = data.draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
    labels = data.draw(st.lists(st.sampled_from("pqxy"), min_size=size, max_size=size))
    dataset = in_memory(labels, groups)
    folds = data.draw(st.integers(2, 4))
    if len(set(groups)) < folds:
        return
    try:
        drawn = folds_of(dataset, folds)
    except UserError as error:
        assert "try another --seed" in str(error)  # noqa: PT017
        return
    tested = np.stack([parts == "test" for parts, _ in drawn])
    assert (tested.sum(axis=0) == 1).all()
    for fold, (parts, notes) in enumerate(drawn, 1):
        assert sides_of_groups(dataset, parts).max() <= 1
        for number, name in enumerate(dataset.classes):
            of_class = dataset.labels == number
            said = [note for note in notes if note.startswith(f"Class '{name}'")]
            assert (parts[of_class] == "test").any() or str(fold) in said[0].partition("fold")[2]
            assert (parts[of_class] == "train").any() or name in notes[-1].partition("train: ")[2]


def test_a_rare_class_of_eight_groups_is_in_every_fold_of_five():
    rare = np.repeat(np.arange(8), [8, 1, 1, 1, 1, 1, 1, 1])
    dataset = in_memory(["nevus"] * 100 + ["rare"] * 15, [*range(100, 200), *rare])
    for parts, notes in folds_of(dataset, 5, val=0.2):
        found = pd.crosstab(dataset.table["label"], parts)
        assert (found.loc["rare", ["train", "val", "test"]] > 0).all()
        assert found.loc["nevus"].tolist() == [20, 64, 16]
        assert notes == []


def test_a_class_with_fewer_groups_than_folds_says_where_it_is_not():
    dataset = in_memory(
        ["nevus"] * 50 + ["pair"] * 4 + ["single"], [*range(50), 50, 50, 51, 51, 52]
    )
    drawn = folds_of(dataset, 5, val=0.2)
    with_pair = [n for n, (parts, _) in enumerate(drawn, 1) if (parts[50:54] == "test").any()]
    (with_single,) = [n for n, (parts, _) in enumerate(drawn, 1) if parts[54] == "test"]
    first, second, third = sorted({1, 2, 3, 4, 5} - set(with_pair))
    for fold, (_, notes) in enumerate(drawn, 1):
        assert notes[0] == (
            "Class 'pair' is in 2 groups of images only: none of it is tested in folds "
            f"{first}, {second} and {third} of 5."
        )
        assert notes[1].startswith("Class 'single' is in 1 group of images only")
        one = "Class 'pair' is in 1 group of the images outside test only: none of it in val."
        assert (one in notes) == (fold in with_pair)
        assert ("Classes without an image in train: single." in notes) == (fold == with_single)
    _, notes = folds_of(in_memory(["a"] * 30 + ["b"] * 2, [*range(30), 30, 31]), 4)[0]
    assert "none of it is tested in folds " in notes[0]
    assert " and " in notes[0].partition("folds ")[2]


def test_folds_differ_by_seed_and_hold_to_the_label_fraction():
    dataset = in_memory(["a", "b"] * 100, range(200))
    first, again, other = (folds_of(dataset, 4, per_class=20, seed=seed) for seed in (0, 0, 1))
    assert all((one[0] == two[0]).all() for one, two in zip(first, again, strict=True))
    assert any((one[0] != two[0]).any() for one, two in zip(first, other, strict=True))
    for parts, _ in first:
        assert pd.crosstab(dataset.table["label"], parts)["train"].tolist() == [20, 20]


def test_more_folds_than_groups_are_refused():
    with pytest.raises(UserError, match="--folds 4 is more than the 3 groups that have labels"):
        folds_of(in_memory(["a", "a", "b", None], range(4)), 4)


@pytest.mark.parametrize(("name", "expected"), [(None, "paper-seed3"), ("mine", "mine")])
def test_a_preset_has_a_name_that_says_what_it_is_unless_one_is_given(name, expected):
    assert preset_plan(in_memory(["MEL"], [0]), "paper", 3, name).name == expected
