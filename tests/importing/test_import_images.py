import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from twinlens import cli
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.importing import import_images as importing
from twinlens.importing.import_images import detect_kind, import_images
from twinlens.records.dataset import ClassInfo


@pytest.fixture
def out(tmp_path):
    return tmp_path / "set"


def test_a_folder_becomes_a_data_set(class_folder, out, capsys):
    dataset = import_images(class_folder, out, size=8)
    assert dataset.images.shape == (6, 8, 8, 3)
    assert dataset.classes == ["melanoma", "nevus"]
    assert list(dataset.table.columns) == ["id", "label", "group"]
    assert dataset.record.sources[0].kind == "folder"
    assert dataset.record.skipped == 0
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


def test_a_split_has_no_image_to_train_or_test_on_without_a_label(class_folder, out, capsys):
    rows = "0,MEL,train\n1,,train\n2,,val\n3,,test\n4,NV,test\n5,,unlabelled\n"
    (class_folder / "labels.csv").write_text(f"image,label,split\n{rows}")
    rows = open_split(import_images(class_folder, out, size=8)).rows
    assert {name: numbers.tolist() for name, numbers in rows.items()} == {
        "train": [0], "val": [], "test": [4], "unlabelled": [1, 5],
    }  # fmt: skip
    printed = capsys.readouterr().err
    assert "split 'imported': train 1, val 0, test 1, unlabelled 2." in printed
    assert "train without a label, which become unlabelled: 1." in printed
    assert "val or test without a label, which no split has: 2." in printed


def test_the_same_source_is_not_imported_again(class_folder, out, capsys):
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


def test_a_failure_leaves_nothing(class_folder, out, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(importing, "write_dataset", full)
    with pytest.raises(UserError, match="no space left"):
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
def test_the_kind_is_recognised_and_reported(files, kind, tmp_path, out, draw, capsys):
    for number, name in enumerate(files):
        if name.endswith(".csv"):
            (tmp_path / "in" / name).write_text("image,label\n1,x\n2,y\n")
        else:
            draw(tmp_path / "in" / name, number)
    dataset = import_images(tmp_path / "in", out, size=8)
    assert dataset.record.sources[0].kind == kind
    printed = capsys.readouterr().err
    assert f"read as '{kind}'" in printed
    assert ("all are unlabelled." in printed) == (kind == "unlabelled")
    assert bool(dataset.classes) == (kind != "unlabelled")
    assert (dataset.labels == -1).all() == (kind == "unlabelled")


def test_phantom_images_need_no_files(out):
    dataset = import_images("phantom:30", out, size=16)
    assert dataset.images.shape == (30, 16, 16, 3)
    assert set(dataset.class_info) == set(dataset.classes)
    assert open_split(dataset).name == "imported"
    assert import_images("phantom:30", out, size=16).hash == dataset.hash


def test_mistakes_are_sentences(class_folder, out, tmp_path):
    with pytest.raises(UserError, match="does not exist: pass a folder, a table, a ZIP"):
        import_images(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match=r"Unknown kind of source 'folders'.*mean 'folder'"):
        import_images(class_folder, out, kind="folders")
    with pytest.raises(UserError, match="no columns to name"):
        import_images(class_folder, out, label="diagnosis")
    with pytest.raises(UserError, match="--size 4 is too small"):
        import_images(class_folder, out, size=4)
    with pytest.raises(UserError, match="--size 0 is too small"):
        import_images(class_folder, out, size=0)
    with pytest.raises(UserError, match=r"0\.png is a single image: pass the folder"):
        import_images(class_folder / "melanoma" / "0.png", out)
    with pytest.raises(UserError, match="nothing to import"):
        import_images([], out)


def test_sub_folders_that_are_not_classes_are_reported(tmp_path, draw, capsys):
    draw(tmp_path / "in" / "images" / "1.png")
    assert detect_kind(str(tmp_path / "in")) == "unlabelled"
    assert "NOT taken as classes: if they are, pass --kind folder" in capsys.readouterr().err
    assert detect_kind(str(tmp_path / "in" / "images")) == "unlabelled"
    assert "NOT taken" not in capsys.readouterr().err


def test_several_sources_become_one_data_set(class_folder, out, tmp_path, draw, capsys):
    draw(tmp_path / "more" / "nevus" / "1.png", 21)
    draw(tmp_path / "more" / "other" / "2.png", 22)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "labels.csv").write_text("image,label,part\nx.png,nevus,train\n")
    sources = [class_folder, tmp_path / "more", "phantom:2", tmp_path / "gone"]
    dataset = import_images(sources, out, split="part", size=8)
    assert dataset.images.shape == (10, 8, 8, 3)
    assert dataset.table["source"].value_counts(sort=False).to_dict() == {
        "images": 6, "more": 2, "phantom:2": 2,
    }  # fmt: skip
    assert "more/nevus/1.png" in dataset.table["id"].tolist()
    assert dataset.classes[8:] == ["melanoma", "nevus", "other"]
    assert "Synthetic" in dataset.record.notice
    assert [entry.name for entry in dataset.record.sources] == [
        "images", "more", "phantom:2", "gone",
    ]  # fmt: skip
    assert [entry.kind for entry in dataset.record.sources] == [
        "folder", "folder", "phantom", "csv",
    ]  # fmt: skip
    (missing,) = pd.read_csv(out / "skipped.csv").to_numpy().tolist()
    assert missing[0] == "x.png"
    assert missing[1].startswith("no such file; ")
    assert sum(len(rows) for rows in open_split(dataset).rows.values()) == 2
    alone = import_images(tmp_path / "more", tmp_path / "alone", size=8)
    np.testing.assert_array_equal(dataset.images[6:8], alone.images)
    assert "source" not in alone.table
    capsys.readouterr()
    import_images(sources, out, split="part", size=8)
    assert "holds exactly these images already" in capsys.readouterr().err


def test_a_table_is_imported_without_its_images(tmp_path, out, capsys):
    file = tmp_path / "labels.csv"
    file.write_text("image,label,part\na,x,train\nb,y,test\n,y,train\nc,,\n")
    dataset = import_images(file, out, split="part", size=8, table_only=True)
    assert dataset.table["id"].tolist() == ["a", "b", "c"]
    assert dataset.record.images == 3
    assert dataset.record.table_only
    assert dataset.size == 8
    assert not (out / "pack.npy").exists()
    assert {name: rows.tolist() for name, rows in open_split(dataset).rows.items()} == {
        "train": [0], "val": [], "test": [1], "unlabelled": [],
    }  # fmt: skip
    with pytest.raises(UserError, match="holds the table alone: import it again with the images"):
        _ = open_dataset(out).images
    printed = capsys.readouterr().err
    assert "3 rows without images, for 8 pixels, 2 classes, 1 unlabelled, 1 skipped" in printed
    assert import_images(file, out, split="part", size=8, table_only=True).hash == dataset.hash
    assert "holds exactly these images already" in capsys.readouterr().err
    file.write_text("image,label,part\na,y,train\n")
    with pytest.raises(UserError, match="exists already"):
        import_images(file, out, split="part", size=8, table_only=True)


def test_a_table_alone_is_not_taken_for_its_images(class_folder, out):
    alone = import_images(class_folder, out, size=8, table_only=True)
    with pytest.raises(UserError, match="exists already"):
        import_images(class_folder, out, size=8)
    whole = import_images(class_folder, out, size=8, overwrite=True)
    assert whole.table.equals(alone.table)
    assert whole.hash != alone.hash
    assert whole.images.shape == (6, 8, 8, 3)


def test_classes_are_ordered_and_described_by_the_user(class_folder, out, capsys):
    classes = {"nevus": {"group": "benign"}, "melanoma": {"colour": "#000000"}, "other": {}}
    dataset = import_images(class_folder, out, size=8, classes=classes)
    assert dataset.classes == ["nevus", "melanoma", "other"]
    assert dataset.class_info == {
        "nevus": ClassInfo(group="benign"),
        "melanoma": ClassInfo(colour="#000000"),
    }
    assert "Classes: nevus 3, melanoma 3, other 0." in capsys.readouterr().err
    import_images(class_folder, out, size=8, classes=classes)
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(UserError, match="exists already"):
        import_images(class_folder, out, size=8, classes=classes | {"other": {"group": "benign"}})


def test_many_classes_are_not_listed(tmp_path, out, draw, capsys):
    for number in range(21):
        draw(tmp_path / "images" / f"class{number}" / "1.png", number)
    import_images(tmp_path / "images", out, size=8)
    assert "21 classes" in (printed := capsys.readouterr().err)
    assert "Classes:" not in printed


def test_the_command_joins_describes_and_adds(class_folder, out, tmp_path, draw):
    def run(*words):
        result = CliRunner().invoke(cli.app, ["import", *map(str, words), "--out", str(out)])
        assert result.exit_code == 0, result.output
        return open_dataset(out)

    info = tmp_path / "classes.yaml"
    info.write_text("nevus: {group: benign}\nmelanoma: {}\n")
    more = draw(tmp_path / "more" / "nevus" / "9.png", 9).parents[1]
    draw(more / "melanoma" / "9.png", 10)
    dataset = run(class_folder, more, "--size", 8, "--classes", info)
    assert dataset.classes == ["nevus", "melanoma"]
    assert len(dataset.images) == 8
    draw(tmp_path / "new" / "10.png", 11)
    assert len(run(tmp_path / "new", "--add").images) == 9
    assert run(class_folder, "--table-only", "--overwrite").table_only


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
    assert dataset.record.skipped == 0
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


def test_a_table_without_labels_leads_on_to_a_pretraining(tmp_path, class_folder, command_line):
    (class_folder / "labels.csv").write_text("image\n0\n1\n2\n")
    said = command_line("import", class_folder, "--out", tmp_path / "data", "--size", 8)
    data = open_dataset(tmp_path / "data")
    assert {part: len(rows) for part, rows in open_split(data).rows.items()} == {
        "train": 0, "val": 0, "test": 0, "unlabelled": 3,
    }  # fmt: skip
    assert "Next, as no image has a label: twinlens pretrain" in said
