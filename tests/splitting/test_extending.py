import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinlens.data.splits import open_split, write_split
from twinlens.errors import UserError
from twinlens.records.split import ImportedSplit
from twinlens.splitting.split import split


def parts_of(dataset, made):
    """The split of each image by id, '-' where it is left out."""
    parts = pd.Series("-", index=dataset.table["id"])
    for part, rows in made.rows.items():
        parts.iloc[rows] = part
    return parts


def images(count, start=0, group="g", unlabelled_every=7, size=2):
    """Labels and groups of images of two classes, `size` a group."""
    number = np.arange(start, start + count)
    labels = np.array(["mel", "nv"], dtype=object)[number // size % 2]
    labels[number % unlabelled_every == 0] = None
    return list(labels), [f"{group}{n // size}" for n in number]


@pytest.fixture
def grow(tmp_path, dataset_of):
    """A function that writes a data set, or writes it anew with more."""

    def written(*parts, **attributes):
        labels, groups = ([x for part in parts for x in part[which]] for which in (0, 1))
        return dataset_of(tmp_path / "data", labels, groups, **attributes)

    return written


def test_what_was_placed_stays_and_new_groups_are_dealt_by_the_same_shares(grow):
    old = images(200)
    base = split(grow(old).path, test=0.25, seed=3)[0]
    dataset = grow(old, images(400, group="new"))
    (made,) = split(dataset.path, extend=base.name)
    assert made.name == "val0.1-test0.25-seed3-2"
    before, after = parts_of(dataset, base), parts_of(dataset, made)
    assert before[:200].equals(after[:200])
    labelled = dataset.table["label"].notna().to_numpy()
    counts = after[200:][labelled[200:]].value_counts(normalize=True)
    assert abs(counts["test"] - 0.25) < 0.03
    assert abs(counts["val"] - 0.1) < 0.03
    assert set(after[200:][~labelled[200:]]) == {"unlabelled", "-"}
    sides = after[after != "-"].replace({"unlabelled": "train"})
    groups = dataset.table.set_index("id")["group"]
    assert sides.groupby(groups).nunique().max() == 1
    assert made.record.notes[0] == (
        f"Extends '{base.name}' by 400 new images and 0 new labels; what was placed there has "
        "stayed."
    )


def test_new_images_of_a_placed_group_follow_it(grow):
    old = images(40, unlabelled_every=41)
    base = split(grow(old).path, val=0.2, test=0.3)[0]
    siblings = (["mel", "nv", None] * 20, [f"g{n // 3}" for n in range(60)])
    dataset = grow(old, siblings)
    (made,) = split(dataset.path, extend=base.name, name="more")
    side = parts_of(dataset, base)[:40].groupby(dataset.table["group"][:40].to_numpy()).last()
    after = parts_of(dataset, made)[40:]
    for place, group, label in zip(after, siblings[1], siblings[0], strict=True):
        bare = {"train": "unlabelled", "test": "-", "val": "-"}[side[group]]
        assert place == (bare if label is None else side[group])


def test_a_new_label_makes_an_unlabelled_image_train_within_the_label_fraction(grow):
    labels = ["a"] * 6 + ["b"] * 6 + [None] * 10
    names = [f"g{n}" for n in range(22)]
    base = split(grow((labels, names)).path, per_class=5, val=0, test=0.3)[0]
    known = [*labels[:12], *["a", "b"] * 4, None, None]
    dataset = grow((known, names))
    (made,) = split(dataset.path, extend=base.name)
    before, after = parts_of(dataset, base), parts_of(dataset, made)
    assert before[:12].equals(after[:12])
    assert (before[12:] == "unlabelled").all()
    assert set(after[12:20]) == {"train", "unlabelled"}
    assert set(after[20:]) == {"unlabelled"}
    assert [made.record.counts["train"][name] for name in "ab"] == [5, 5]


def test_a_left_out_sibling_of_a_test_image_is_tested_once_it_has_a_label(grow):
    labels, groups = ["a", None] * 20, [f"g{n // 2}" for n in range(40)]
    base = split(grow((labels, groups)).path, val=0, test=0.5)[0]
    dataset = grow((["a"] * 40, groups))
    (made,) = split(dataset.path, extend=base.name)
    before, after = parts_of(dataset, base), parts_of(dataset, made)
    assert set(before[1::2]) == {"unlabelled", "-"}
    assert (after[1::2].to_numpy() == before[::2].to_numpy()).all()


def test_an_imported_split_keeps_labelled_images_unlabelled_or_left_out(grow):
    old = (["a", "a", "a", None, "b", "b"], list("pqrstu"))
    given = ["train", "unlabelled", None, "unlabelled", "val", "test"]
    write_split(grow(old).path, "imported", given, ImportedSplit())
    dataset = grow((["a", "a", "a", "b", "b", "b"], list("pqrstu")), (["a", None], ["v", "w"]))
    (made,) = split(dataset.path, extend="imported")
    assert made.name == "imported-2"
    assert parts_of(dataset, made).tolist() == [
        *["train", "unlabelled", "-", "train", "val", "test"],
        *["train", "unlabelled"],
    ]
    assert (
        "'imported' was not drawn by shares, so new groups went to train" in (made.record.notes[1])
    )


def test_new_images_of_a_torn_group_are_left_out(grow):
    write_split(
        grow((["a", "a", None], ["p", "p", "p"])).path,
        "imported",
        ["train", "test", "unlabelled"],
        ImportedSplit(),
    )
    dataset = grow((["a", "a", "a", "a"], ["p"] * 4))
    (made,) = split(dataset.path, extend="imported")
    assert parts_of(dataset, made).tolist() == ["train", "test", "unlabelled", "-"]
    assert "New images left out because their groups are on several sides: 1." in (
        made.record.notes
    )


def test_extended_folds_still_test_each_image_once(grow):
    old = images(60)
    folds = split(grow(old).path, folds=3, val=0.1, seed=5, name="cv")
    dataset = grow(old, images(90, group="new"))
    made = [split(dataset.path, extend=fold.name, seed=9)[0] for fold in folds]
    assert [each.name for each in made] == ["cv-fold1-2", "cv-fold2-2", "cv-fold3-2"]
    tested = sum((parts_of(dataset, each) == "test").astype(int) for each in made)
    assert (tested.to_numpy() == (dataset.labels >= 0)).all()


def test_an_extended_hold_out_keeps_the_site_on_its_side(grow):
    old = (["a", "b"] * 10, [f"g{n}" for n in range(20)])
    here = ["here", "there", "there", "there"] * 5
    (base,) = split(grow(old, site=here).path, hold_out="site=here", val=0, name="site")
    new = (["a"] * 6, ["g0", "g0", "g1", "g1", "n0", "n0"])
    dataset = grow(old, new, site=[*here, *["here", "there"] * 3])
    (made,) = split(dataset.path, extend=base.name)
    assert parts_of(dataset, made)[20:].tolist() == ["test", "-", "-", "train", "test", "-"]


def test_an_extended_preset_trains_on_new_groups_of_its_classes_alone(tmp_path, dataset_of):
    ids = [f"ISIC_{n}" for n in range(300)]
    dataset = dataset_of(tmp_path / "data", ["VASC"] * 300, ids=ids)
    (base,) = split(dataset.path, preset="recommended")
    new = ["n1", "n2", "n3_downsampled", "n4"]
    labels = [*["VASC"] * 300, "VASC", "UNK", "VASC", None]
    dataset = dataset_of(tmp_path / "data", labels, ids=[*ids, *new])
    (made,) = split(dataset.path, extend=base.name)
    after = parts_of(dataset, made)
    assert after[:300].equals(parts_of(dataset, base)[:300])
    assert after[new].tolist() == ["train", "unlabelled", "unlabelled", "unlabelled"]


def test_extensions_are_numbered_and_know_what_they_extend(grow):
    old, more, most = images(30), images(20, group="m"), images(10, group="n")
    base = split(grow(old).path, val=0, name="base")[0]
    path = grow(old, more).path
    (second,) = split(path, extend="base")
    (again,) = split(path, extend="base")
    assert second.record == again.record
    dataset = grow(old, more, most)
    (third,) = split(path, extend="base-2")
    (direct,) = split(path, extend="base")
    assert [second.name, third.name, direct.name] == ["base-2", "base-3", "base-4"]
    assert third.record.method.extends == "base-2"
    assert third.lineage == [third.hash, second.hash, base.hash]
    assert third.record.method.original == base.record.method
    assert open_split(dataset, "base-3").lineage == third.lineage


def test_there_must_be_something_to_add(grow):
    old = images(30)
    split(grow(old).path, val=0, name="base")
    with pytest.raises(UserError, match=r"Nothing was added to .* since the split 'base'"):
        split(grow(old).path, extend="base")
    with pytest.raises(UserError, match="Unknown split 'bas'"):
        split(grow(old).path, extend="bas")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_nothing_moves_and_no_group_gets_torn_however_a_data_set_grows(
    tmp_path_factory, dataset_of, data
):
    folder = tmp_path_factory.mktemp("grown") / "data"
    sizes = data.draw(st.tuples(st.integers(8, 30), st.integers(0, 20)))

    def column(values, size):
        return data.draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))

    groups = [column([f"g{n}" for n in range(20)], size) for size in sizes]
    labels = [["x", "y", *column(["x", "y", None], sizes[0] - 2)], column(["x", None], sizes[1])]
    groups[0][:2] = ["apart", "alone"]
    given_labels = column(["x", "y"], sizes[0])
    got = column([True, False], sizes[0])
    first = dataset_of(folder, labels[0], groups[0])
    arguments = data.draw(st.sampled_from([{"test": 0.3}, {"folds": 2}, {"per_class": 3}]))
    try:
        bases = split(folder, seed=data.draw(st.integers(0, 3)), **arguments)
    except UserError as error:
        assert "try another --seed" in str(error)  # noqa: PT017
        return
    later = [
        new if old is None and has else old
        for old, new, has in zip(labels[0], given_labels, got, strict=True)
    ]
    dataset = dataset_of(folder, [*later, *labels[1]], [*groups[0], *groups[1]])
    if dataset.hash == first.hash:
        return
    for base in bases:
        (made,) = split(folder, extend=base.name)
        before, after = (parts_of(dataset, each)[: sizes[0]] for each in (base, made))
        moved = before != after
        assert set(before[moved]) <= {"unlabelled", "-"}
        assert all(labels[0][row] is None and got[row] for row in np.flatnonzero(moved))
        after = parts_of(dataset, made)
        sides = after[after != "-"].replace({"unlabelled": "train"})
        assert sides.groupby(dataset.table.set_index("id")["group"]).nunique().max() == 1
