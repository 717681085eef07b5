import numpy as np
import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, write_split
from twinlens.errors import UserError
from twinlens.importing import append as append
from twinlens.importing.import_images import import_images
from twinlens.records.dataset import ClassInfo
from twinlens.records.split import ImportedSplit


@pytest.fixture
def data(tmp_path, draw):
    """Four images, of which the last two have no label, in two patients and two of their own."""
    for number in range(4):
        draw(tmp_path / "old" / f"{number}.png", number)
    table(tmp_path / "old", "0.png,x,p\n1.png,y,p\n2.png,,\n3.png,,")
    dataset = import_images(tmp_path / "old", tmp_path / "data", size=8)
    write_split(dataset.path, "half", ["train", "test", None, "unlabelled"], ImportedSplit())
    return dataset


@pytest.fixture
def new(tmp_path, draw):
    """A folder with the old image 2 and two new ones; its table is up to the test."""
    for number in (2, 7, 8):
        draw(tmp_path / "new" / f"{number}.png", number)
    return tmp_path / "new"


def table(folder, rows, header="image,label,group"):
    (folder / "labels.csv").write_text(f"{header}\n{rows}\n")
    return folder


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def add(source, data, **options):
    return import_images(source, data.path, add=True, **options)


def refused(sentence, source, data, **options):
    before = content(data.path)
    with pytest.raises(UserError, match=sentence):
        add(source, data, **options)
    assert content(data.path) == before
    assert sorted(path.name for path in data.path.parent.iterdir()) == ["data", "new", "old"]


def test_new_images_come_after_the_old_ones(data, new, capsys):
    pixels = np.array(data.images)
    before = content(data.path / "splits")
    grown = add(table(new, "7.png,z,p\n2.png,y,\n8.png,,"), data)
    assert grown.table["id"].tolist() == [f"{number}.png" for number in (0, 1, 2, 3, 7, 8)]
    assert grown.table["label"].fillna("").tolist() == ["x", "y", "y", "", "z", ""]
    assert grown.table["group"].tolist() == ["p", "p", "2.png", "3.png", "p", "8.png"]
    np.testing.assert_array_equal(grown.images[:4], pixels)
    whole = import_images(new, data.path.parent / "whole", size=8)
    np.testing.assert_array_equal(grown.images[4:], whole.images[[0, 2]])
    assert grown.classes == ["x", "y", "z"]
    assert content(data.path / "splits") == before
    assert open_split(grown, "half").rows["unlabelled"].tolist() == [3]
    printed = capsys.readouterr().err
    assert f"{data.path}: added 2 images and 1 labels." in printed
    assert f"twinlens split {data.path} --extend NAME" in printed
    assert "Classes: x 1, y 2, z 1." in printed


def test_what_it_grew_from_is_recorded(data, new, draw):
    first = data.hash
    second = add(table(new, "7.png,z,"), data)
    draw(new / "9.png", 9)
    third = add(table(new, "9.png,z,"), data)
    assert third.record.previous_hashes == [first, second.hash]
    assert [entry.kind for entry in third.record.sources] == ["csv"] * 3
    assert [entry.path for entry in third.record.sources][1:] == [str(new)] * 2
    assert len({first, second.hash, third.hash}) == 3


def test_the_hash_is_that_of_an_import_in_one_go(data, new):
    grown = add(table(new, "7.png,z,p\n8.png,,"), data)
    whole = import_images([new.parent / "old", new], data.path.parent / "whole", size=8)
    assert grown.hash == whole.hash
    assert (grown.path / "pack.npy").read_bytes() == (whole.path / "pack.npy").read_bytes()


def test_labels_alone_can_be_added(data, new, capsys):
    grown = add(table(new, "2.png,x,"), data)
    assert grown.table["label"].fillna("").tolist() == ["x", "y", "x", ""]
    np.testing.assert_array_equal(grown.images, data.images)
    again = add(new, data)
    assert again.hash == grown.hash
    assert again.record.previous_hashes == [data.hash]
    assert "holds these 1 images already: nothing to do" in capsys.readouterr().err


def test_labels_can_come_without_images(data, tmp_path):
    file = tmp_path / "new" / "labels.csv"
    file.parent.mkdir()
    file.write_text("image,label\n3.png,x\n0.png,\n")
    grown = add(file, data, table_only=True)
    assert grown.table["label"].fillna("").tolist() == ["x", "y", "", "x"]
    assert len(grown.images) == 4
    file.write_text("image,label\n3.png,x\n9.png,x\n8.png,x\n")
    refused(r"lacks 2 of these images, such as '9\.png'", file, data, table_only=True)


def test_what_is_known_already_cannot_change(data, new, draw):
    draw(new / "0.png", 0)
    refused(r"holds 1 of .* another label, such as '0\.png'", table(new, "0.png,y,p"), data)
    refused(r"holds 1 of .* another group, such as '0\.png'", table(new, "0.png,x,q"), data)
    refused(
        r"holds 1 of .* another group, such as '2\.png'", table(new, "2.png,x,q\n7.png,x,q"), data
    )
    draw(new / "0.png", 50)
    refused(r"holds 1 of .* other pixels, such as '0\.png'", table(new, "0.png,x,p"), data)


def test_a_data_set_keeps_its_size_and_is_not_overwritten_by_the_way(data, new):
    source = table(new, "7.png,z,")
    refused("holds images of 8 pixels: drop --size 16", source, data, size=16)
    refused("choose one", source, data, overwrite=True)
    with pytest.raises(UserError, match="is not a data set"):
        import_images(source, data.path.parent / "other", add=True)
    assert len(add(source, data, size=8).table) == 5


@pytest.mark.parametrize("step", ["write_pack", "write_dataset"])
def test_an_interruption_leaves_the_old_data_set(data, new, step, monkeypatch):
    before = content(data.path)
    real = getattr(append, step)

    def interrupted(*args, **options):
        real(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(append, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        add(table(new, "7.png,z,"), data)
    assert content(data.path) == before
    assert sorted(path.name for path in data.path.parent.iterdir()) == ["data", "new", "old"]


def test_broken_images_are_listed_until_they_are_fixed(data, new, draw, capsys):
    for name in ("2.png", "7.png"):
        (new / name).write_text("a note")
    grown = add(table(new, "2.png,x,\n7.png,x,\n8.png,x,"), data)
    assert grown.table["label"].fillna("").tolist() == ["x", "y", "", "", "x"]
    assert pd.read_csv(grown.path / "skipped.csv")["file"].tolist() == ["7.png", "2.png"]
    assert "cannot be read now: 1, such as '2.png'" in capsys.readouterr().err
    for number in (2, 7):
        draw(new / f"{number}.png", number)
    grown = add(table(new, "2.png,x,\n7.png,x,\n6.png,x,"), data)
    assert grown.table["label"].fillna("").tolist() == ["x", "y", "x", "", "x", "x"]
    assert pd.read_csv(grown.path / "skipped.csv")["file"].tolist() == ["6.png"]
    assert grown.record.skipped == 1
    (new / "9.png").write_text("a note")
    source = table(new, "9.png,x,\n6.png,x,")
    refused(r"None of the 2 images could be imported; the first is 6\.png", source, data)


def test_the_splits_of_the_new_source_are_left_out(data, new, capsys):
    header = "image,label,group,split"
    grown = add(table(new, "7.png,z,,train\n8.png,z,,test", header), data)
    assert "The splits that the source names are ignored" in capsys.readouterr().err
    assert "split" not in grown.table
    assert [path.name for path in sorted((grown.path / "splits").iterdir())] == [
        "half.json",
        "half.parquet",
    ]


def test_an_old_image_under_another_id_is_mentioned(data, new, capsys):
    add(table(new, "2,x,\n7.png,x,"), data)
    assert "name of one in" in (printed := capsys.readouterr().err)
    assert ": 1, such as '2'" in printed


def test_what_else_lies_in_the_folder_is_kept(data, new, capsys):
    add(table(new, "2.png,x,"), data)
    assert "audit" not in capsys.readouterr().err
    for name in ("audit/links.parquet", "mine/notes.txt", "readme.txt"):
        (data.path / name).parent.mkdir(exist_ok=True)
        (data.path / name).write_text(name)
    (data.path / "link").symlink_to("nowhere")
    add(table(new, "7.png,z,"), data)
    for name in ("audit/links.parquet", "mine/notes.txt", "readme.txt"):
        assert (data.path / name).read_text() == name
    assert (data.path / "link").is_symlink()
    assert f"Its audit is out of date: run 'twinlens audit {data.path}'" in capsys.readouterr().err


def test_what_is_still_broken_is_listed_again_and_changes_nothing(data, new, capsys):
    (new / "7.png").write_text("a note")
    grown = add(table(new, "2.png,x,\n7.png,x,"), data)
    skipped = (data.path / "skipped.csv").read_text()
    capsys.readouterr()
    again = add(new, data)
    assert again.record == grown.record
    assert again.table.equals(grown.table)
    np.testing.assert_array_equal(again.images, grown.images)
    assert (data.path / "skipped.csv").read_text() == skipped
    printed = capsys.readouterr().err
    assert "cannot be imported: 1, such as '7.png'." in printed
    assert "holds these 1 images already: nothing to do" in printed
    assert "grows" not in printed


def test_the_source_appears_when_a_data_set_grows(data, new):
    assert "source" not in data.table
    grown = add(table(new, "7.png,z,web", "image,label,source"), data)
    assert grown.table["source"].tolist() == ["old"] * 4 + ["new"]
    assert grown.table["original_source"].tolist()[4:] == ["web"]
    assert [entry.name for entry in grown.record.sources] == ["old", "new"]
    grown = add(table(new, "8.png,z,web", "image,label,source"), data)
    assert grown.table["source"].tolist() == ["old"] * 4 + ["new", "new-2"]


def test_a_new_image_without_a_group_stays_alone(data, new, draw):
    draw(new / "p.png", 9)
    grown = add(table(new, "p,x,\n7.png,x,"), data)
    assert grown.table["group"].tolist()[4:] == ["new/p", "7.png"]
    assert len(add(new, data).table) == 6


def test_what_the_user_says_about_classes_replaces_what_is_held(data, new, capsys):
    classes = {"x": {"title": "ex"}, "z": {"group": "benign"}}
    first = add(table(new, "7.png,z,"), data, classes=classes)
    capsys.readouterr()
    again = add(new, data, classes={"z": {"title": "zet"}, "x": {"title": "other"}})
    assert again.class_info == {
        "x": ClassInfo(title="other"),
        "z": ClassInfo(group="benign", title="zet"),
    }
    assert (again.hash, again.lineage) == (first.hash, first.lineage)
    assert "replaced by yours: x, z." in capsys.readouterr().err
    third = add(table(new, "8.png,x,"), data, classes={"x": {"title": "third"}})
    assert third.class_info["x"] == ClassInfo(title="third")
    assert "replaced by yours: x." in capsys.readouterr().err
    assert add(new, data, classes={"x": {"title": "third"}}).record == third.record
    assert "nothing to do" in capsys.readouterr().err


def test_classes_and_what_is_known_of_them_are_united(data, new):
    info = {"z": {"group": "malignant"}, "x": {"title": "ex"}}
    grown = add(table(new, "7.png,x,\n8.png,z,"), data, classes=info)
    assert grown.classes == ["x", "y", "z"]
    assert grown.class_info == {"x": ClassInfo(title="ex"), "z": ClassInfo(group="malignant")}


def test_a_joined_data_set_names_what_is_added(data, new, tmp_path, draw):
    joined = import_images([tmp_path / "old", "phantom:3"], tmp_path / "joined", size=8)
    grown = add(table(new, "7.png,z,"), joined)
    assert grown.table["source"].tolist() == ["old"] * 4 + ["phantom:3"] * 3 + ["new"]
    draw(tmp_path / "x" / "new" / "a.png", 30)
    grown = add(tmp_path / "x" / "new", joined)
    assert grown.table["source"].iloc[-1] == "new-2"


def test_a_table_without_images_grows(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("image,label\na,x\nb,\n")
    first = import_images(file, tmp_path / "data", table_only=True)
    file.write_text("image,label\nb,y\nc,x\n")
    grown = import_images(file, tmp_path / "data", add=True)
    assert grown.table["label"].tolist() == ["x", "y", "x"]
    assert grown.record.previous_hashes == [first.hash]
    assert open_dataset(grown.path).table_only
