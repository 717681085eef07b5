import numpy as np
import pandas as pd
import pytest

from twinlens.data.importing import import_images
from twinlens.data.splits import open_split
from twinlens.errors import UserError


@pytest.fixture
def out(tmp_path):
    return tmp_path / "set"


def test_a_folder_becomes_a_data_set(class_folder, out, capsys):
    dataset = import_images(class_folder, out, size=8)
    assert dataset.images.shape == (6, 8, 8, 3)
    assert dataset.classes == ["melanoma", "nevus"]
    assert list(dataset.table.columns) == ["id", "label", "group"]
    assert dataset.info["source"]["kind"] == "folder"
    assert dataset.info["skipped"] == 0
    assert pd.read_csv(out / "skipped.csv").empty
    printed = capsys.readouterr().err
    assert "read as 'folder'" in printed
    assert "6 images of 8 pixels, 2 classes, 0 unlabelled, 0 skipped." in printed


def test_row_numbers_are_image_numbers(class_folder, out):
    dataset = import_images(class_folder, out, size=16)
    (class_folder / dataset.table["id"][3]).unlink()
    fewer = import_images(class_folder, out.with_name("fewer"), size=16)
    assert fewer.table["id"].tolist() == dataset.table["id"].drop(3).tolist()
    np.testing.assert_array_equal(fewer.images, np.delete(dataset.images, 3, axis=0))


def test_broken_files_are_listed_and_left_out(class_folder, out, capsys):
    (class_folder / "nevus" / "1.png").write_bytes(b"")
    (class_folder / "nevus" / "note.jpg").write_text("a note")
    dataset = import_images(class_folder, out, size=8)
    assert len(dataset.table) == 5
    assert pd.read_csv(out / "skipped.csv").to_numpy().tolist() == [
        ["nevus/1.png", "empty file"],
        ["nevus/note.jpg", "not an image in a known format"],
    ]
    assert f"2 skipped (see {out / 'skipped.csv'})" in capsys.readouterr().err


def test_nothing_but_broken_files_is_an_error(tmp_path, out):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_text("a note")
    with pytest.raises(UserError, match=r"None of the 1 images.*a\.jpg: not an image"):
        import_images(tmp_path / "images", out)
    assert not out.exists()


def test_files_that_a_csv_misses_are_listed(class_folder, out):
    table = class_folder / "labels.csv"
    table.write_text("image,label\n0,MEL\ngone.png,NV\n1,NV\n")
    dataset = import_images(table, out, size=8)
    assert dataset.table["label"].tolist() == ["MEL", "NV"]
    assert pd.read_csv(out / "skipped.csv").to_numpy().tolist() == [["gone.png", "no such file"]]


def test_the_split_column_becomes_the_imported_split(class_folder, out):
    table = class_folder / "labels.csv"
    (class_folder / "nevus" / "1.png").write_bytes(b"")
    table.write_text("image,label,part\n0,MEL,train\n1,NV,train\n2,MEL,pool\n3,NV,test\n4,MEL,\n")
    dataset = import_images(
        class_folder, out, split="part", split_map={"pool": "unlabelled"}, size=8
    )
    assert "split" not in dataset.table.columns
    split = open_split(dataset)
    assert split.name == "imported"
    assert {name: rows.tolist() for name, rows in split.rows.items()} == {
        "train": [0],
        "val": [],
        "test": [2],
        "unlabelled": [1],
    }


def test_the_same_source_is_recognised(class_folder, out, capsys):
    first = import_images(class_folder, out, size=8)
    before = (out / "pack.npy").stat().st_mtime_ns
    capsys.readouterr()
    again = import_images(class_folder, out, size=8)
    assert "holds exactly these images already" in capsys.readouterr().err
    assert again.hash == first.hash
    assert (out / "pack.npy").stat().st_mtime_ns == before


def test_another_source_is_refused_without_overwrite(class_folder, out, draw):
    first = import_images(class_folder, out, size=8)
    draw(class_folder / "nevus" / "new.png", 50)
    with pytest.raises(UserError, match=r"exists already.*--overwrite"):
        import_images(class_folder, out, size=8)
    with pytest.raises(UserError, match="exists already"):
        import_images(class_folder, out, size=9)
    assert len(import_images(class_folder, out, size=8, overwrite=True).table) == 7
    assert len(first.images) == 6


def test_the_hash_is_that_of_the_content(class_folder, out, tmp_path, draw):
    first = import_images(class_folder, out, size=8)
    class_folder.rename(tmp_path / "moved")
    same = import_images(tmp_path / "moved", tmp_path / "same", size=8, workers=1)
    assert same.hash == first.hash
    draw(tmp_path / "moved" / "nevus" / "1.png", 99)
    other = import_images(tmp_path / "moved", tmp_path / "other", size=8)
    assert other.hash != first.hash


def test_a_failure_leaves_nothing(class_folder, out):
    (class_folder / "labels.csv").write_text("image,label,split\n0,,train\n")
    with pytest.raises(UserError):
        import_images(class_folder, out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["images"]


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["a/1.png", "b/2.png"], "folder"),
        (["train/a/1.png", "test/a/2.png"], "folder"),
        (["1.png", "2.png"], "unlabelled"),
        (["images/1.png", "images/2.png"], "unlabelled"),
        (["a/1.png", "b/2.png", "labels.csv"], "csv"),
    ],
)
def test_the_kind_is_recognised_and_said(files, kind, tmp_path, out, draw, capsys):
    for number, name in enumerate(files):
        if name.endswith(".csv"):
            (tmp_path / "in" / name).write_text("image,label\n1,x\n2,y\n")
        else:
            draw(tmp_path / "in" / name, number)
    dataset = import_images(tmp_path / "in", out, size=8)
    assert dataset.info["source"]["kind"] == kind
    assert f"read as '{kind}'" in capsys.readouterr().err
    assert bool(dataset.classes) == (kind != "unlabelled")


def test_an_unlabelled_data_set_has_no_classes(class_folder, out):
    dataset = import_images(class_folder, out, kind="unlabelled", size=8)
    assert dataset.classes == []
    assert (dataset.labels == -1).all()


def test_phantom_images_need_no_files(out):
    dataset = import_images("phantom:30", out, size=16)
    assert dataset.images.shape == (30, 16, 16, 3)
    assert set(dataset.class_info) == set(dataset.classes)
    assert open_split(dataset).name == "imported"
    assert import_images("phantom:30", out, size=16).hash == dataset.hash


def test_mistakes_are_sentences(class_folder, out, tmp_path):
    with pytest.raises(UserError, match="does not exist: pass a folder, a CSV file, or 'phantom'"):
        import_images(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match=r"Unknown kind of source 'folders'.*mean 'folder'"):
        import_images(class_folder, out, kind="folders")
    with pytest.raises(UserError, match="no columns to name"):
        import_images(class_folder, out, label="diagnosis")
    with pytest.raises(UserError, match="--size 4 is too small"):
        import_images(class_folder, out, size=4)


@pytest.mark.real
def test_real_images_come_in_whole(shared, out):
    """The counts of the data's own README."""
    dataset = import_images(
        shared / "data" / "derm",
        out,
        image="image",
        label="diagnosis",
        group="group",
        split="split",
        size=64,
    )
    assert dataset.images.shape == (10644, 64, 64, 3)
    assert dataset.info["skipped"] == 0
    counts = np.bincount(dataset.labels)
    assert dict(zip(dataset.classes, counts.tolist(), strict=True)) == {
        "AK": 96, "BCC": 435, "BKL": 1110, "DF": 86, "MEL": 1385, "NV": 7279, "SCC": 147,
        "VASC": 106,
    }  # fmt: skip
    rows = open_split(dataset, "imported").rows
    sizes = {name: len(numbers) for name, numbers in rows.items()}
    assert sizes == {"train": 1791, "val": 1280, "test": 3023, "unlabelled": 4550}
    groups = {name: set(dataset.table["group"].iloc[numbers]) for name, numbers in rows.items()}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values()))
    train = np.bincount(dataset.labels[rows["train"]])
    assert train.tolist() == [38, 174, 444, 34, 500, 500, 59, 42]
