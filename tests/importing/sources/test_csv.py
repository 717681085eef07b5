import pytest

from twinlens.errors import UserError
from twinlens.importing.source import Options
from twinlens.importing.sources import csv


@pytest.fixture
def images(tmp_path, draw):
    for number, name in enumerate(["a.png", "b.png", "c.png"]):
        draw(tmp_path / "images" / name, number)
    return tmp_path


def write(folder, text, encoding="utf-8", name="labels.csv"):
    (folder / name).write_bytes(text.encode(encoding))
    return str(folder / name)


def test_any_column_names(images):
    path = write(
        images,
        "file,diagnosis,lesion,part,age,site\n"
        "images/a.png,NV,L1,train,30,back\n"
        "images/b.png,,,pool,,arm\n"
        "images/c.png,MEL,L1,,55.5,\n",
    )
    columns = {"image": "file", "label": "diagnosis", "group": "lesion", "split": "part"}
    source = csv.read(path, Options(**columns, split_map={"pool": "unlabelled"}))
    table = source.table
    assert list(table.columns) == ["id", "label", "group", "split", "age", "site"]
    assert table["id"].tolist() == ["images/a.png", "images/b.png", "images/c.png"]
    assert table["label"].fillna("-").tolist() == ["NV", "-", "MEL"]
    assert table["group"].fillna("-").tolist() == ["L1", "-", "L1"]
    assert table["split"].fillna("-").tolist() == ["train", "unlabelled", "-"]
    assert table["age"].sum() == 85.5
    assert source.items == [images / "images" / f"{name}.png" for name in "abc"]
    assert source.skipped == []


def test_a_column_left_out_is_the_one_of_that_name(images):
    source = csv.read(write(images, "label,image\nNV,a\nMEL,b\n"), Options())
    assert source.table["label"].tolist() == ["NV", "MEL"]
    assert source.table["group"].isna().all()
    assert source.table["split"].isna().all()


def test_an_attribute_cannot_take_a_reserved_name(images):
    path = write(images, "image,id,label,truth\na,17,?,NV\n")
    table = csv.read(path, Options(label="truth")).table
    assert table.iloc[0][["id", "label", "source_id", "source_label"]].tolist() == [
        "a", "NV", 17, "?",
    ]  # fmt: skip


def test_a_folder_with_one_csv(images):
    write(images, "image\na\n")
    assert len(csv.read(str(images), Options()).items) == 1
    write(images, "image\na\n", name="more.csv")
    with pytest.raises(UserError, match=r"several tables \(labels.csv, more.csv\).*--kind folder"):
        csv.read(str(images), Options())


def test_unknown_split_names(images):
    path = write(images, "image,split\na,train\nb,pool\n")
    with pytest.raises(UserError, match=r"'pool'.*--split-map pool=unlabelled"):
        csv.read(path, Options())


def test_a_missing_column_lists_those_there_are(images):
    path = write(images, "file,dx\na,NV\n")
    with pytest.raises(UserError, match=r"no column 'diagnosis' \(--label\).*file, dx"):
        csv.read(path, Options(image="file", label="diagnosis"))
    with pytest.raises(UserError, match=r"no column 'image'.*--image.*file, dx"):
        csv.read(path, Options())


def test_a_folder_without_a_csv(images):
    with pytest.raises(UserError, match="neither a CSV file nor a folder with one"):
        csv.read(str(images), Options())


def test_an_empty_name_means_no_column(images):
    path = write(images, "image,label,group,split\na,NV,L1,pool\nb,MEL,L1,pool\n")
    table = csv.read(path, Options(label="", group="", split="")).table
    assert table[["label", "group", "split"]].isna().all(axis=None)
    assert table["source_split"].tolist() == ["pool", "pool"]
    with pytest.raises(UserError, match='or use no column for it with --split ""'):
        csv.read(path, Options())


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.txt", "t.json", "t.png", "t"])
def test_a_table_is_recognised_by_its_name(images, name):
    assert csv.detect(write(images, "image\na\n", name=name)) == name.startswith(
        ("t.csv", "t.TSV", "t.txt")
    )
