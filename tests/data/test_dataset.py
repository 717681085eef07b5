import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images


@pytest.fixture
def path(class_folder, draw, tmp_path):
    draw(class_folder / "unlabelled" / "9.png", 9)
    import_images(class_folder, tmp_path / "set", size=8)
    return tmp_path / "set"


def test_opened_as_it_lies_there(path):
    dataset = open_dataset(str(path))
    assert dataset.classes == ["melanoma", "nevus"]
    assert dataset.class_info == {}
    assert dataset.size == 8
    assert len(dataset.hash) == 64
    assert isinstance(dataset.images, np.memmap)
    assert not dataset.images.flags.writeable
    assert dataset.images.shape == (7, 8, 8, 3)


def test_labels_number_the_classes_and_mark_the_unlabelled(path):
    dataset = open_dataset(path)
    assert dataset.labels.dtype == np.int64
    folders = [id.split("/")[0] for id in dataset.table["id"]]
    numbers = {"melanoma": 0, "nevus": 1, "unlabelled": -1}
    assert dataset.labels.tolist() == [numbers[folder] for folder in folders]


def test_another_folder_is_no_data_set(tmp_path):
    with pytest.raises(UserError, match=r"is not a data set.*twinlens import"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("name", ["pack.npy", "images.parquet"])
def test_a_cut_file_is_a_sentence(path, name):
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"is damaged.*import it again"):
        open_dataset(path)


def test_a_missing_file_is_a_sentence(path):
    (path / "pack.npy").unlink()
    with pytest.raises(UserError, match="is damaged"):
        open_dataset(path)


def test_a_pack_that_does_not_fit_its_table_is_a_sentence(path):
    np.save(path / "pack.npy", np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="the table 7 rows"):
        open_dataset(path)
