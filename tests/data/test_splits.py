import numpy as np
import pandas as pd
import pytest

from twinlens.data.splits import (
    counts,
    open_split,
    write_split,
)
from twinlens.errors import UserError
from twinlens.records.split import ImportedSplit, SharesSplit, SplitRecord
from twinlens.splitting.split import split as make_split


def test_counts_add_up_to_the_images(lesions):
    split = make_split(lesions.path, per_class=50)[0]
    found = counts(lesions, split)
    assert {part: sum(n.values()) for part, n in found.items()} == {
        part: len(rows) for part, rows in split.rows.items()
    }
    labels = lesions.table["label"].iloc[split.rows["test"]]
    assert found["test"] == {name: (labels == name).sum() for name in lesions.classes}
    assert found["unlabelled"]["no label"] == (lesions.labels[split.rows["unlabelled"]] < 0).sum()
    assert split.record.counts == found


def test_the_same_arguments_give_the_same_split_and_other_seeds_another(
    lesions, tmp_path, dataset_of
):
    first = make_split(lesions.path, per_class=50)[0]
    again = make_split(lesions.path, per_class=50)[0]
    twin = dataset_of(tmp_path / "twin", lesions.table["label"], lesions.table["group"])
    elsewhere = make_split(twin.path, per_class=50, name="mine")[0]
    other = make_split(lesions.path, per_class=50, seed=1)[0]
    assert first.record == again.record
    assert first.hash == elsewhere.hash != other.hash
    assert all(np.array_equal(first.rows[s], again.rows[s]) for s in first.rows)


def test_what_is_written_is_what_is_opened(lesions):
    made = make_split(lesions.path, per_class=50, name="mine")[0]
    opened = open_split(lesions)
    assert opened.record == made.record
    assert all(np.array_equal(opened.rows[s], made.rows[s]) for s in made.rows)
    assert opened.record.method == SharesSplit(per_class=50, val=0.1, test=0.2, seed=0)


def test_a_name_is_given_once(lesions):
    make_split(lesions.path, per_class=50, name="mine")
    with pytest.raises(UserError, match=r"'mine' .* exists already and was made otherwise"):
        make_split(lesions.path, per_class=51, name="mine")
    with pytest.raises(UserError, match="exists already: choose another name"):
        write_split(lesions.path, "mine", ["unlabelled"] * 3000, ImportedSplit())


def test_a_changed_split_is_refused(lesions):
    make_split(lesions.path, per_class=50, name="mine")
    path = lesions.path / "splits" / "mine.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "split"] = "test" if table.loc[0, "split"] != "test" else "train"
    table.to_parquet(path)
    with pytest.raises(UserError, match=r"mine\.parquet was changed after it was made"):
        open_split(lesions)
    table.drop(columns="split").to_parquet(path)
    with pytest.raises(UserError, match=r"is damaged .*'split'.*: restore it, or make a new split"):
        open_split(lesions)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match=r"is damaged .*: restore it, or make a new split"):
        open_split(lesions)


def test_a_split_of_another_data_set_is_refused(lesions, tmp_path, dataset_of):
    make_split(lesions.path, per_class=50, name="mine")
    other = dataset_of(tmp_path / "other", ["a", "b"])
    (lesions.path / "splits").rename(other.path / "splits")
    with pytest.raises(UserError, match=r"which .*other does not hold"):
        open_split(other)


def test_the_split_must_be_chosen_where_there_are_several(lesions):
    with pytest.raises(UserError, match="has no split yet"):
        open_split(lesions)
    for seed in (0, 1):
        make_split(lesions.path, per_class=5, seed=seed)
    with pytest.raises(UserError, match=r"several splits: .*per5-val0\.1-test0\.2-seed0, per5"):
        open_split(lesions)
    with pytest.raises(UserError, match="Unknown split 'per6'"):
        open_split(lesions, "per6")
    assert open_split(lesions, "per5-val0.1-test0.2-seed1").record.method.seed == 1


def test_a_split_without_training_labels_does_not_count_among_several(lesions):
    """As that of unlabelled images which are joined with labelled ones."""
    for name, part in (("pool", "unlabelled"), ("outside", "test")):
        parts = [part if number >= 0 else None for number in lesions.labels]
        write_split(lesions.path, name, parts, ImportedSplit())
    with pytest.raises(UserError, match="several splits"):
        open_split(lesions)
    made = make_split(lesions.path, per_class=5)[0]
    assert open_split(lesions).name == made.name


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"val": 0.5, "test": 0.5}, "leave some for train"),
        ({"val": -0.1}, "shares of 0 or more"),
        ({"per_class": 0}, "--per-class 0 must be 1 or more"),
        ({"name": "../mine"}, "cannot name a split"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(lesions, wrong, words):
    arguments = {"per_class": None, "val": 0.1, "test": 0.1, "seed": 0} | wrong
    with pytest.raises(UserError, match=words):
        make_split(lesions.path, **arguments)


def test_an_imported_split_says_what_it_leaves_out_and_tears(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["a", "a", "b", None, "b"], ["g", "g", "h", "i", "h"])
    given = ["train", "test", "train", "unlabelled", None]
    split = write_split(dataset.path, "imported", given, ImportedSplit())
    assert {part: rows.tolist() for part, rows in split.rows.items()} == {
        "train": [0, 2],
        "val": [],
        "test": [1],
        "unlabelled": [3],
    }
    assert split.record.dropped == 1
    left_out, straddling = split.record.notes
    assert left_out == "Images left out of the split: 1."
    assert "more than one side of the split: 1." in straddling
    assert SplitRecord.read(dataset.path / "splits" / "imported.json") == split.record


def test_imported_splits_are_checked(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["a", None])
    with pytest.raises(UserError, match=r"Unknown split 'trian'\. Did you mean 'train'"):
        write_split(dataset.path, "imported", ["trian", None], ImportedSplit())
    with pytest.raises(UserError, match="1 images without a label, such as 'image00001'"):
        write_split(dataset.path, "imported", ["train", "test"], ImportedSplit())
