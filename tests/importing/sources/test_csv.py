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


@pytest.mark.parametrize(
    "name", ["images/a.png", "./images/a.png", "images/a", "images\\a.png", "a.png", "a"]
)
def test_an_image_by_path_name_or_id(images, name):
    source = csv.read(write(images, f"image\n{name}\n"), Options())
    assert [path.resolve() for path in source.items] == [(images / "images" / "a.png").resolve()]
    assert source.table["id"].tolist() == [name]


def test_an_absolute_path_and_one_outside_the_folder(images, draw):
    outside = draw(images / "elsewhere" / "x.png", 9)
    path = images / "tables" / "labels.csv"
    path.parent.mkdir()
    path.write_text(f"image\n{outside}\n../images/a.png\n")
    assert len(csv.read(str(path), Options()).items) == 2


def test_a_folder_with_one_csv(images):
    write(images, "image\na\n")
    assert len(csv.read(str(images), Options()).items) == 1
    write(images, "image\na\n", name="more.csv")
    with pytest.raises(UserError, match=r"several tables \(labels.csv, more.csv\).*--kind folder"):
        csv.read(str(images), Options())


def test_missing_and_ambiguous_files_are_skipped(images, draw):
    draw(images / "copies" / "b.png", 5)
    path = write(images, "image,label\na,NV\nb,NV\ngone.png,MEL\n,MEL\nc,BCC\n")
    source = csv.read(path, Options())
    assert source.table["label"].tolist() == ["NV", "BCC"]
    assert [path.name for path in source.items] == ["a.png", "c.png"]
    assert [file for file, _ in source.skipped] == ["b", "gone.png", "labels.csv, line 5"]
    ambiguous, gone, blank = (reason for _, reason in source.skipped)
    assert "several files have this name" in ambiguous
    assert gone == "no such file"
    assert blank == "the row names no image"


@pytest.mark.parametrize("row", ["a.png,NV", "a.png,MEL", "a,NV", "images/a.png,NV"], ids=str)
def test_an_image_named_twice_is_refused_with_its_lines(images, row):
    path = write(images, f"image,label\na.png,NV\n\nb.png,MEL\n{row}\n")
    with pytest.raises(UserError, match=r"more than once: 'a.png' \(lines 2, 5\); keep one row"):
        csv.read(path, Options())


def test_a_missing_file_named_twice_is_refused(images):
    with pytest.raises(UserError, match=r"'gone' \(lines 2, 3\)"):
        csv.read(write(images, "image\ngone\ngone\n"), Options())


def test_many_repeats_are_counted(images):
    names = "\n".join([f"x{number}" for number in range(8)] * 2)
    with pytest.raises(UserError, match="and 3 more"):
        csv.read(write(images, f"image\n{names}\n"), Options())


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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_separators(images, separator, encoding, newline):
    rows = [["image", "label", "größe"], ["a", "Nävus", "klein"], ["b", "Mélanome", "groß"]]
    text = newline.join(separator.join(row) for row in rows)
    source = csv.read(write(images, text, encoding), Options())
    assert source.table["label"].tolist() == ["Nävus", "Mélanome"]
    assert source.table["größe"].tolist() == ["klein", "groß"]


def test_reading_as_windows_1252_is_said(images, capsys):
    csv.read(write(images, "image,label\na,Nävus\n", "latin-1"), Options())
    assert "labels.csv is not UTF-8: read as Windows-1252" in capsys.readouterr().err


def test_quoted_cells_keep_their_lines(images):
    path = write(images, 'image,label\na,"NV,\nlarge"\nb,MEL\nb,MEL\n')
    with pytest.raises(UserError, match=r"'b' \(lines 4, 5\)"):
        csv.read(path, Options())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no rows"),
        (b"image,label\n", "no rows"),
        (b"image,label\na,NV,extra\n", "line 2: 3 cells, but 2 columns"),
        (b"image,label\na\n", "line 2: 1 cells, but 2 columns"),
        (b"image,label,label\na,NV,NV\n", "a name of its own"),
        (b"image,\na,NV\n", "a name of its own"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "not a table in a known encoding"),
        ("image,label\na,NV\n".encode("utf-16-le"), "not a table in a known encoding"),
        (b"\xff\xfei\x00m", "not a table in a known encoding"),
    ],
)
def test_what_is_no_table_is_a_sentence(images, content, sentence):
    (images / "labels.csv").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        csv.read(str(images / "labels.csv"), Options())


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


def test_codes_with_a_leading_zero_stay_text(images):
    path = write(images, "image,site,age,share\na,01,0,0.5\nb,10,5,\nc,,10,1\n")
    table = csv.read(path, Options()).table
    assert table["site"].tolist()[:2] == ["01", "10"]
    assert table["age"].tolist() == [0, 5, 10]
    assert table["share"].sum() == 1.5


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.txt", "t.json", "t.png", "t"])
def test_a_table_is_recognised_by_its_name(images, name):
    assert csv.detect(write(images, "image\na\n", name=name)) == name.startswith(
        ("t.csv", "t.TSV", "t.txt")
    )
