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


def test_a_csv_is_preferred_to_other_tables(images):
    for name in ("notes.xlsx", "metadata.jsonl", ".labels.csv", "~$notes.xlsx"):
        write(images, "x\n1\n", name=name)
    write(images, "image\na\n")
    assert len(csv.read(str(images), Options()).items) == 1


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
    with pytest.raises(UserError, match="neither a table nor a folder with one"):
        csv.read(str(images), Options())


def test_an_empty_name_means_no_column(images):
    path = write(images, "image,label,group,split\na,NV,L1,pool\nb,MEL,L1,pool\n")
    table = csv.read(path, Options(label="", group="", split="")).table
    assert table[["label", "group", "split"]].isna().all(axis=None)
    assert table["source_split"].tolist() == ["pool", "pool"]
    with pytest.raises(UserError, match='or use no column for it with --split ""'):
        csv.read(path, Options())


@pytest.mark.parametrize(
    "name", ["t.csv", "t.TSV", "t.txt", "t.xlsx", "metadata.jsonl", "t.json", "t.png", "t"]
)
def test_a_table_is_recognised_by_its_name(images, name):
    assert csv.detect(write(images, "image\na\n", name=name)) == name.endswith(
        ("csv", "TSV", "txt", "xlsx", "jsonl")
    )


def test_the_metadata_of_hugging_face_needs_no_option(images):
    (images / "images" / "metadata.jsonl").write_text(
        '{"file_name": "a.png", "label": "NV"}\n{"file_name": "b.png", "label": "MEL"}\n'
    )
    source = csv.read(str(images / "images"), Options())
    assert source.table[["id", "label"]].to_numpy().tolist() == [["a.png", "NV"], ["b.png", "MEL"]]


@pytest.mark.parametrize(
    ("folders", "splits"),
    [(["train", "validation"], ["train", "val"]), (["a", "b"], [None, None])],
)
def test_it_may_lie_in_the_folders_of_the_splits(tmp_path, draw, folders, splits):
    for folder in folders:
        draw(tmp_path / folder / "0.png")
        write(tmp_path / folder, "file_name,label\n0.png,NV\ngone,MEL\n", name="metadata.csv")
    assert csv.detect(str(tmp_path))
    source = csv.read(str(tmp_path), Options())
    assert source.table["id"].tolist() == [f"{folder}/0.png" for folder in folders]
    assert (
        source.table["split"].astype(object).where(source.table["split"].notna(), None).tolist()
        == splits
    )
    assert source.items == [tmp_path / folder / "0.png" for folder in folders]
    assert source.used == [tmp_path / folder / "metadata.csv" for folder in folders]
    assert source.skipped == [(f"{folder}/gone", "no such file") for folder in folders]


def test_of_columns_that_share_a_name_an_unused_one_is_an_attribute(images):
    path = write(images, "image,label,label,age,age\na,NV,MEL,1,2\nb,MEL,NV,1,2\n")
    with pytest.raises(UserError, match=r"several columns 'label' that differ.*--label"):
        csv.read(path, Options())
    table = csv.read(path, Options(label="")).table
    assert table[["age", "age (2)"]].to_numpy().tolist() == [[1, 2], [1, 2]]


def test_the_images_may_lie_below_another_folder(images, tmp_path):
    (tmp_path / "meta").mkdir()
    path = write(tmp_path / "meta", "image\na.png\n")
    assert csv.read(path, Options(root=images / "images")).items == [images / "images" / "a.png"]
    ((_, reason),) = csv.read(path, Options()).skipped
    assert reason.startswith("no such file; if the images lie elsewhere, pass that folder with")


def test_dicom_in_a_table_of_images_is_told(images, capsys):
    (images / "images" / "c.png").rename(images / "images" / "c.dcm")
    csv.read(write(images, "image\na\nc\n"), Options())
    assert "DICOM among the images: 1." in capsys.readouterr().err
