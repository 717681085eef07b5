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
from twinlens.splitting.holding_out import held_out_plans, values_of

SHARES = Shares(per_class=None, val=0.2)


@pytest.fixture
def sites(tmp_path, dataset_of):
    """60 images of two classes in groups of two, at three sites or none; every sixth unlabelled."""
    number = np.arange(60)
    labels = np.array(["mel", "nv"], dtype=object)[number // 2 % 2]
    labels[number % 6 == 5] = None
    site = np.array(["Rome", "Oslo 1", "Oslo/1", None], dtype=object)[number // 4 % 4]
    groups = [f"g{n // 2}" for n in number]
    return dataset_of(tmp_path / "data", labels, groups, site=site, age=number // 30 * 10.0)


def drawn_by(dataset, hold_out, shares=SHARES, name=None, seed=0):
    plans = held_out_plans(dataset, hold_out, shares, seed, name)
    return {plan.name: plan.draw() for plan in plans}


def test_test_is_the_site_and_the_rest_is_train_and_val(sites):
    parts, notes = drawn_by(sites, "site=Rome", name="rome")["rome"]
    rome = (sites.table["site"] == "Rome").to_numpy()
    labelled = sites.labels >= 0
    assert ((parts == "test") == (rome & labelled)).all()
    assert set(parts[rome & ~labelled]) == {None}
    assert set(parts[~rome & ~labelled]) <= {"unlabelled", None}
    assert abs((parts == "val").sum() - 0.2 * (labelled & ~rome).sum()) <= 2
    assert notes == []
    without, _ = drawn_by(sites, "site=Rome", Shares(per_class=None, val=0), "rome")["rome"]
    assert "val" not in without


def test_a_column_alone_leaves_out_each_value_in_turn_and_blank_is_none(sites):
    drawn = drawn_by(sites, "site")
    assert list(drawn) == [
        "val0.2-seed0-site-Oslo_1",
        "val0.2-seed0-site-Oslo_1-2",
        "val0.2-seed0-site-Rome",
    ]
    tested = sum((parts == "test").astype(int) for parts, _ in drawn.values())
    known = sites.table["site"].notna().to_numpy() & (sites.labels >= 0)
    assert (tested == known).all()
    assert list(drawn_by(sites, "age")) == ["val0.2-seed0-age-0", "val0.2-seed0-age-10"]
    assert list(drawn_by(sites, "age=10", name="old")) == ["old"]
    assert list(drawn_by(sites, "age", name="by")) == ["by-0", "by-10"]


def test_names_are_told_apart_where_a_disk_ignores_case(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["x", "y"] * 4, site=["a", "A", "a-2", "a/2"] * 2)
    assert sorted(drawn_by(dataset, "site", name="n")) == ["n-A", "n-a-2", "n-a-2-2", "n-a_2"]


def test_groups_are_held_out_whole_and_what_is_elsewhere_is_dropped(tmp_path, dataset_of):
    labels = ["x", "x", "x", "x", "y", "y", "y", "y"]
    groups = ["both", "both", "b", "c", "d", "both", "e", "f"]
    site = ["here", "there", "there", "there", "there", None, "here", "there"]
    dataset = dataset_of(tmp_path / "data", labels, groups, site=site)
    parts, notes = drawn_by(dataset, "site=here", Shares(per_class=None, val=0), "n")["n"]
    assert parts.tolist() == ["test", None, "train", "train", "train", None, "test", "train"]
    assert notes == [
        "Images without site=here that are left out because their group is held out: 2."
    ]


def test_classes_that_one_side_lacks_are_said(tmp_path, dataset_of):
    site = ["a"] * 4 + ["b"] * 8
    dataset = dataset_of(tmp_path / "data", ["x", "y"] * 2 + ["y"] * 6 + ["z"] * 2, site=site)
    _, notes = drawn_by(dataset, "site=a", Shares(per_class=None, val=0), "n")["n"]
    assert notes == [
        "Classes without an image in train: x.",
        "Classes without an image in test: z.",
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_nothing_of_a_held_out_group_is_trained_on(data):
    size = data.draw(st.integers(6, 40))

    def column(values):
        return data.draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))

    groups, labels, site = column(range(15)), column(["x", "x", None]), column(["a", "b", None])
    table = pd.DataFrame({"id": range(size), "label": labels, "group": groups, "site": site})
    record = DatasetRecord(size=1, classes=["x"], hash="", images=size, skipped=0)
    dataset = Dataset(Path("nowhere"), table, None, record)
    try:
        drawn = drawn_by(dataset, "site")
    except UserError as error:
        assert "has no labels" in str(error) or "leav" in str(error)  # noqa: PT017
        return
    for value, (parts, _) in zip("ab", drawn.values(), strict=True):
        has = dataset.table["site"] == value
        held = dataset.table["group"].isin(dataset.table["group"][has])
        assert set(parts[held]) <= {"test", None}
        assert ((parts == "test") == (has & (dataset.labels >= 0))).all()
        assert set(parts[~held & (dataset.labels >= 0)]) <= {"train", "val"}


def test_what_cannot_be_held_out_is_refused(sites):
    with pytest.raises(UserError, match=r"Unknown column to hold out by 'sit'.*Valid: age, site\."):
        drawn_by(sites, "sit=Rome")
    with pytest.raises(UserError, match="Unknown column to hold out by 'label'"):
        drawn_by(sites, "label")
    with pytest.raises(
        UserError, match=r"Unknown value of site 'Roma'.*'Rome'.*Valid: Oslo 1, Oslo/1"
    ):
        drawn_by(sites, "site=Roma")


def test_a_column_of_one_value_or_of_too_many_is_refused(tmp_path, dataset_of):
    numbers = [str(n) for n in range(120)]
    dataset = dataset_of(tmp_path / "data", ["x", "y"] * 60, one=["a"] * 120, many=numbers)
    for column, count in (("one", 1), ("many", 120)):
        with pytest.raises(UserError, match=f"'{column}' has {count} values .* 2 to 100"):
            drawn_by(dataset, column)
    with pytest.raises(UserError, match="--hold-out one=a leaves no labelled image to train on"):
        drawn_by(dataset, "one=a")
    assert (drawn_by(dataset, "many=7", name="n")["n"][0] == "test").sum() == 1


def test_values_are_read_as_text():
    column = pd.Series([1.0, 2.5, None, 10.0])
    assert values_of(column).fillna("-").tolist() == ["1", "2.5", "-", "10"]
    column = pd.Series([" a", "", None, True, 3], dtype=object)
    assert values_of(column).fillna("-").tolist() == ["a", "-", "-", "True", "3"]
