from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.importing.import_images import detect_kind, import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import SOURCES, medmnist
from twinlens.records.dataset import ClassInfo


@pytest.fixture
def save(tmp_path):
    """A function from arrays by part, as (images, labels or None), to the path of their file."""

    def to_file(name="set.npz", compressed=True, **parts):
        arrays = {}
        for part, (images, labels) in parts.items():
            arrays[f"{part}_images"] = images
            if labels is not None:
                arrays[f"{part}_labels"] = np.asarray(labels)
        (np.savez_compressed if compressed else np.savez)(tmp_path / name, **arrays)
        return str(tmp_path / name)

    return to_file


def pixels(count, *shape):
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


@pytest.mark.parametrize("compressed", [True, False])
def test_parts_become_splits_and_numbers_classes(save, compressed):
    parts = {
        "train": (pixels(3, 28, 28), [[10], [2], [0]]),
        "val": (pixels(1, 64, 64, 3), np.array([2], np.int64)),
        "test": (pixels(2, 28, 30), np.array([[0], [10]], np.uint8)),
    }
    path = save(**parts, compressed=compressed)
    source = medmnist.read(path, Options())
    ids = ["train/0", "train/1", "train/2", "val/0", "test/0", "test/1"]
    assert source.table["id"].tolist() == ids
    assert source.table["label"].tolist() == ["10", "02", "00", "02", "00", "10"]
    assert source.table["split"].tolist() == ["train"] * 3 + ["val"] + ["test"] * 2
    assert source.table["group"].isna().all()
    assert source.classes == ["00", "02", "10"]
    assert source.class_info == {}
    wanted = [image for images, _ in parts.values() for image in images]
    for item, image in zip(source.items, wanted, strict=True):
        colours = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
        np.testing.assert_array_equal(source.decode(source.read(item)), colours)


def test_equal_pixels_of_another_shape_are_another_content(save):
    same = np.zeros((1, 8, 27), np.uint8), np.zeros((1, 8, 9, 3), np.uint8), np.zeros((1, 27, 8))
    path = save(train=(same[0], [0]), val=(same[1], [0]), test=(same[2].astype(np.uint8), [0]))
    source = medmnist.read(path, Options())
    assert len({source.read(row) for row in range(3)}) == 3


def test_a_part_may_be_missing_or_empty(save):
    path = save(val=(pixels(0, 28, 28), np.zeros(0, int)), test=(pixels(2, 28, 28), [1, 0]))
    source = medmnist.read(path, Options())
    assert source.table["split"].tolist() == ["test", "test"]
    assert source.decode(source.read(0)).size == (28, 28)


def test_images_without_labels_are_for_pretraining(save, tmp_path):
    path = save(train=(pixels(4, 16, 16), None), test=(pixels(2, 16, 16), [0, 1]))
    table = medmnist.read(path, Options()).table
    assert table["label"].isna().tolist() == [True] * 4 + [False] * 2
    assert table["split"].tolist() == ["unlabelled"] * 4 + ["test"] * 2
    split = open_split(import_images(path, tmp_path / "out", size=16))
    assert split.rows["unlabelled"].tolist() == [0, 1, 2, 3]


def test_parts_can_be_mapped(save):
    path = save(train=(pixels(1, 16, 16), [0]), val=(pixels(1, 16, 16), [1]))
    table = medmnist.read(path, Options(split_map={"val": "test"})).table
    assert table["split"].tolist() == ["train", "test"]


def test_known_sets_have_titles_and_a_licence(save):
    path = save("PneumoniaMNIST_64.npz", test=(pixels(2, 64, 64), [[1], [0]]))
    source = medmnist.read(path, Options())
    assert source.class_info == {"0": ClassInfo(title="normal"), "1": ClassInfo(title="pneumonia")}
    assert source.licence == "CC BY 4.0"
    other = save("pneumoniamnist.npz", test=(pixels(2, 28, 28), [[1], [2]]))
    unknown = medmnist.read(other, Options())
    assert (unknown.class_info, unknown.licence) == ({}, "")
    derma = save("dermamnist.npz", test=(pixels(1, 28, 28), [[1]]))
    assert medmnist.read(derma, Options()).licence == "CC BY-NC 4.0"


def test_the_table_alone_unpacks_nothing(save, monkeypatch):
    path = save(train=(pixels(2, 28, 28), [0, 1]))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: pytest.fail("unpacked"))
    source = medmnist.read(path, Options(table_only=True))
    assert source.table["label"].tolist() == ["0", "1"]


def test_it_is_recognised_by_its_name(save, tmp_path, capsys):
    assert detect_kind(save(train=(pixels(2, 28, 28), [0, 1]))) == "medmnist"
    assert "as MedMNIST publishes them" in capsys.readouterr().err
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"broken\.npz is no .npz file, or a damaged one"):
        import_images(tmp_path / "broken.npz", tmp_path / "out")
    with pytest.raises(UserError, match="no columns to name"):
        import_images(save(train=(pixels(2, 28, 28), [0, 1])), tmp_path / "out", label="label")
    assert not (tmp_path / "out").exists()


def test_other_arrays_are_named(tmp_path):
    np.savez(tmp_path / "other.npz", X=np.zeros(3), y=np.zeros(3))
    with pytest.raises(UserError, match=r"no images in train_images.*its arrays are X, y"):
        medmnist.read(str(tmp_path / "other.npz"), Options())


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (pixels(2, 28, 28, 28), [0, 1], r"train_images has the shape \(2, 28, 28, 28\).*volumes"),
        (pixels(2, 784), [0, 1], "only flat images"),
        (pixels(2, 28, 28).astype(np.float32), [0, 1], "holds float32, not uint8"),
        (np.full((2, 28, 28), None), [0, 1], "Python objects"),
        (pixels(2, 4, 28), [0, 1], "images of 28x4 pixels"),
        (np.zeros((0, 10_000, 10_000), np.uint8), [], "images of 10000x10000 pixels"),
        (np.asfortranarray(pixels(2, 28, 28)), [0, 1], "column by column"),
        (pixels(0, 28, 28), np.zeros(0, int), "no images"),
        (pixels(2, 28, 28), [0, 1, 2], r"train_labels has the shape \(3,\), but there are 2"),
        (pixels(2, 28, 28), np.zeros((2, 14), int), "only sets with one label per image"),
        (pixels(2, 28, 28), [0, -1], "has the label -1"),
        (pixels(2, 28, 28), np.array([0, 2**63], np.uint64), "has the label -"),
        (pixels(2, 28, 28), [0.0, 1.0], "holds float64: save whole numbers"),
        (pixels(2, 28, 28), ["a", "b"], "holds <U1"),
        (pixels(2, 28, 28), np.array([{}, []], object), "Python objects"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(save, images, labels, sentence):
    for compressed in (True, False):
        path = save(train=(images, labels), compressed=compressed)
        with pytest.raises(UserError, match=sentence):
            medmnist.read(path, Options())


def test_an_image_that_cannot_be_read_any_more_is_skipped(save, tmp_path, monkeypatch):
    path = save(train=(pixels(3, 16, 16), [0, 1, 1]), compressed=False)
    read = medmnist.read

    def read_and_cut(*arguments):
        source = read(*arguments)
        with open(path, "rb+") as file:  # noqa: PTH123
            file.truncate(600)
        return source

    cutting = replace(medmnist.SOURCE, read=read_and_cut)
    monkeypatch.setitem(SOURCES._loaded, "medmnist", cutting)
    dataset = import_images(path, tmp_path / "out", size=16)
    assert dataset.table["id"].tolist() == ["train/0"]
    reasons = pd.read_csv(tmp_path / "out" / "skipped.csv")["reason"].tolist()
    assert reasons == ["cannot be read (the file ends too early)"] * 2
