import numpy as np
import pytest

from twinlens.data.class_subset import open_task, refuse_one_class, select_classes
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, unlabelled_rows, write_split
from twinlens.errors import UserError
from twinlens.records.split import ImportedSplit


def test_a_task_of_some_classes_keeps_their_images_and_pretraining_keeps_all(phantoms):
    data = open_dataset(phantoms)
    split = open_split(data)
    two = data.classes[4:2:-1]
    task, chosen = open_task(phantoms, classes=two)
    assert task.classes == two[::-1]  # in the order of the data set
    assert set(task.class_info) <= set(two)
    for part in ("train", "val", "test"):
        wanted = [r for r in split.rows[part] if data.table["label"][r] in two]
        assert chosen.rows[part].tolist() == wanted
        assert set(task.labels[chosen.rows[part]]) <= {0, 1}
    assert np.array_equal(unlabelled_rows(chosen), unlabelled_rows(split))
    assert (task.hash, chosen.hash) == (data.hash, split.hash)
    outside = np.setdiff1d(np.arange(len(data.table)), np.concatenate([*chosen.rows.values()]))
    assert (task.labels[outside] < 0).all()


def test_training_labels_of_one_class_are_refused(tmp_path, dataset_of):
    data = dataset_of(tmp_path / "data", ["a", "a", "b", None])
    write_split(data.path, "one", ["train", "train", "test", "unlabelled"], ImportedSplit())
    write_split(data.path, "two", ["train", "test", "train", "unlabelled"], ImportedSplit())
    write_split(data.path, "none", [None, None, "test", "unlabelled"], ImportedSplit())
    with pytest.raises(UserError, match=r"'one' of .*data are 'a', and a classifier needs two"):
        refuse_one_class(data, open_split(data, "one"))
    for name in ("two", "none"):
        refuse_one_class(data, open_split(data, name))


def test_all_classes_are_the_data_set_itself(phantoms):
    data, split = open_task(phantoms)
    task, chosen = open_task(phantoms, classes=data.classes)
    assert task.table.equals(data.table)
    assert all(np.array_equal(chosen.rows[part], split.rows[part]) for part in split.rows)


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [(["MEL", "MOLE"], "Unknown class 'MOLE'"), (["MEL"], "two classes or more, not MEL")],
)
def test_wrong_classes_are_a_sentence(phantoms, classes, sentence):
    with pytest.raises(UserError, match=sentence):
        open_task(phantoms, classes=classes)


def test_a_class_without_training_images_is_a_sentence(phantoms):
    data, split = open_task(phantoms)
    first = data.classes[0]
    kept = [r for r in split.rows["train"] if data.table["label"][r] != first]
    split.rows["train"] = np.array(kept)
    with pytest.raises(UserError, match=f"no training image of {first}"):
        select_classes(data, split, data.classes[:2])


def test_images_that_are_only_tested_on_need_no_training_images(phantoms):
    data, split = open_task(phantoms)
    split.rows["train"] = np.array([], int)
    _, chosen = select_classes(data, split, data.classes[:2])
    assert len(chosen.rows["test"])
