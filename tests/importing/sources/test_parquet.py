import json
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.importing.import_images import detect_kind, import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import parquet


@pytest.fixture
def png(tmp_path, draw):
    """A function from a number to the bytes of an image."""
    return lambda number: draw(tmp_path / "png" / f"{number}.png", number).read_bytes()


@pytest.fixture
def write(tmp_path):
    """A function that writes columns into a file below a folder, and returns the file's path."""

    def to_file(columns, name="table.parquet", names=None, **options):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table(columns)
        if names:
            features = {"label": {"names": names, "_type": "ClassLabel"}}
            about = {"huggingface": json.dumps({"info": {"features": features}})}
            table = table.replace_schema_metadata(about)
        pq.write_table(table, path, **options)
        return str(path)

    return to_file


def listed(series):
    return series.astype(object).where(series.notna(), None).tolist()


def test_any_column_names(write, png):
    path = write(
        {
            "photo": [png(0), png(1), png(2)],
            "diagnosis": ["NV", " ", "MEL "],
            "lesion": [7, None, 8],
            "part": ["train", "pool", None],
            "age": [30.5, None, 20.0],
            "seen": [date(2020, 1, 1), None, None],
            "vector": [[1.0], [2.0], [3.0]],
            "label": ["?", None, "!"],
        }
    )
    columns = {"image": "photo", "label": "diagnosis", "group": "lesion", "split": "part"}
    source = parquet.read(path, Options(**columns, split_map={"pool": "unlabelled"}))
    table = source.table
    roles = ["id", "label", "group", "split"]
    assert list(table.columns) == [*roles, "age", "seen", "source_label"]
    assert listed(table["id"]) == ["table/0", "table/1", "table/2"]
    assert listed(table["label"]) == ["NV", None, "MEL"]
    assert listed(table["group"]) == ["7", None, "8"]
    assert listed(table["split"]) == ["train", "unlabelled", None]
    assert listed(table["age"]) == [30.5, None, 20.0]
    assert [source.read(item) for item in source.items] == [png(0), png(1), png(2)]
    assert source.classes is None


def test_shards_of_a_hugging_face_data_set(parquet_layout, png):
    source = parquet.read(str(parquet_layout), Options())
    numbers = [*range(9, 12), *range(6), *range(6, 9)]  # test, train, validation
    assert source.table["id"].tolist() == [f"{number}.png" for number in numbers]
    assert source.table["split"].tolist() == ["test"] * 3 + ["train"] * 6 + ["val"] * 3
    assert source.table["label"][:3].tolist() == ["melanoma", "nevus", "melanoma"]
    assert source.classes == ["nevus", "melanoma"]
    assert [source.read(item) for item in source.items] == [png(number) for number in numbers]


@pytest.mark.parametrize(
    ("labels", "names", "wanted", "classes"),
    [
        (["b", "a", None], None, ["b", "a", None], None),
        (pa.array(["b", "a", ""]).dictionary_encode(), None, ["b", "a", None], None),
        ([1, 0, -1], ["z", "a"], ["a", "z", None], ["z", "a"]),
        ([1, 0, None], ["z", "a", "n"], ["a", "z", None], ["z", "a", "n"]),
        ([10, 2, -1], None, ["10", "02", None], None),
        ([1.0, 0.0, None], None, ["1", "0", None], None),
        ([True, False, None], None, ["1", "0", None], None),
        (pa.nulls(3), None, [None] * 3, None),
    ],
    ids=str,
)
def test_labels_are_text_or_numbers(write, png, labels, names, wanted, classes):
    path = write({"image": [png(n) for n in range(3)], "label": labels}, names=names)
    source = parquet.read(path, Options())
    assert listed(source.table["label"]) == wanted
    assert source.classes == classes


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        ({}, "0"),
        ({b"huggingface": b"no json"}, "0"),
        ({b"huggingface": b'{"info": null}'}, "0"),
        ({b"huggingface": b'{"info": {"features": {"label": {"dtype": "int64"}}}}'}, "0"),
        ({b"huggingface": b'{"info": {"features": {"label": {"names": ["NV"]}}}}'}, "NV"),
    ],
)
def test_metadata_may_lack_the_names_of_classes(tmp_path, png, about, wanted):
    table = pa.table({"image": [png(0)], "label": [0]}).replace_schema_metadata(about)
    pq.write_table(table, tmp_path / "a.parquet")
    assert parquet.read(str(tmp_path / "a.parquet"), Options()).table["label"][0] == wanted


@pytest.mark.parametrize(
    ("columns", "ids", "attributes"),
    [
        ({"id": [5, 6], "image_id": ["a", "b"]}, ["5", "6"], ["image_id"]),
        ({"image_id": ["a", "b"]}, ["a", "b"], []),
        ({"id": [5, 5], "image_id": ["a", "b"]}, ["a", "b"], ["source_id"]),
        ({"id": ["a", None]}, ["x.png", "y.png"], ["source_id"]),
        ({}, ["x.png", "y.png"], []),
    ],
)
def test_the_id_is_what_tells_the_images_apart(write, png, columns, ids, attributes):
    images = [{"bytes": png(0), "path": "x.png"}, {"bytes": png(1), "path": "y.png"}]
    table = parquet.read(write({"image": images, **columns}), Options()).table
    assert table["id"].tolist() == ids
    assert list(table.columns[4:]) == attributes


def test_paths_that_repeat_over_shards_are_no_ids(write, png):
    for name in ("train-00000-of-00002", "train-00001-of-00002"):
        path = write({"image": [{"bytes": png(0), "path": "x.png"}]}, f"{name}.parquet")
    table = parquet.read(str(path).rpartition("/")[0], Options()).table
    assert table["id"].tolist() == ["train-00000-of-00002/0", "train-00001-of-00002/0"]


def test_images_may_be_paths_from_the_files_folder(write, tmp_path, draw):
    for number in range(2):
        draw(tmp_path / "in" / "images" / f"{number}.png", number)
    names = ["images/0.png", "images/1.png", "gone.png", None, "images", "a\0b", "x" * 5000]
    for images in (names, [{"bytes": None, "path": name} for name in names]):
        path = write({"image": images, "label": ["a", "b", "a", "b", "a", "b", "a"]})
        dataset = import_images(path, tmp_path / "out", size=16, overwrite=True)
        assert dataset.table["label"].tolist() == ["a", "b"]
        reasons = pd.read_csv(tmp_path / "out" / "skipped.csv")["reason"].tolist()
        assert reasons[:2] == ["cannot be read (no file gone.png)", "empty file"]
        assert all(reason.startswith("cannot be read") for reason in reasons[2:])


def test_paths_may_start_from_another_root(write, tmp_path, draw):
    place = draw(tmp_path / "elsewhere" / "a.png")
    source = parquet.read(write({"image": ["a.png"]}), Options(root=tmp_path / "elsewhere"))
    assert source.read(source.items[0]) == place.read_bytes()


def test_broken_images_are_skipped(write, png, tmp_path):
    images = [png(0), b"", b"\0" * 50, None, png(1)[:60], png(2)]
    path = write({"image": images, "label": ["a"] * 3 + ["b"] * 3})
    dataset = import_images(path, tmp_path / "out", size=16)
    assert dataset.table["id"].tolist() == ["table/0", "table/5"]
    skipped = pd.read_csv(tmp_path / "out" / "skipped.csv")
    assert skipped["file"].tolist() == ["table/1", "table/2", "table/3", "table/4"]
    assert skipped["reason"].tolist()[:3] == [
        "empty file", "not an image in a known format", "empty file",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train-00000-of-00001", "validation-00000-of-00001"], ["train", "val"]),
        (["test-00000-of-00001-7d3c5e6a2a1fbcd1", "train-0"], ["test", "train"]),
        (["test", "val"], ["test", "val"]),
        (["part-0", "part-1"], [None, None]),
        (["a-00000-of-00001", "b-00000-of-00001"], [None, None]),
        (["pool-00000-of-00001", "train-00000-of-00001"], ["unlabelled", "train"]),
    ],
)
def test_splits_by_the_names_of_shards(write, png, names, splits):
    for number, name in enumerate(names):
        path = write({"image": [png(number)], "label": [0]}, f"{name}.parquet")
    source = parquet.read(path.rpartition("/")[0], Options(split_map={"pool": "unlabelled"}))
    assert listed(source.table["split"]) == splits


def test_a_column_of_splits_goes_before_names_of_shards(write, png):
    columns = {"image": [png(0), png(1)], "split": ["validation", "test"], "label": ["a", "b"]}
    table = parquet.read(write(columns, "train.parquet"), Options()).table
    assert table["split"].tolist() == ["val", "test"]


def test_an_empty_name_means_no_column(write, png):
    columns = {"image": [png(0), png(1)], "label": ["x", "y"], "split": ["pool", "pool"]}
    table = parquet.read(write(columns, "a.parquet"), Options(split="")).table
    assert table["split"].isna().all()
    assert table["source_split"].tolist() == ["pool", "pool"]


def test_images_without_labels_are_for_pretraining(write, png, tmp_path):
    write({"image": [png(0), png(1)], "label": [0, 1]}, "train.parquet", names=["a", "b"])
    path = write({"image": [png(2), png(3)], "label": [-1, -1]}, "test.parquet", names=["a", "b"])
    dataset = import_images(path.rpartition("/")[0], tmp_path / "out", size=16)
    rows = open_split(dataset).rows
    assert dataset.table["id"][rows["unlabelled"]].tolist() == ["test/0", "test/1"]
    assert dataset.table["id"][rows["train"]].tolist() == ["train/0", "train/1"]


def test_shards_may_lack_a_column_or_hold_it_in_another_type(write, png):
    write({"image": [png(0)], "age": [30], "label": [1]}, "a.parquet", names=["x", "y"])
    path = write({"image": [png(1)], "age": [30.5]}, "b.parquet")
    table = parquet.read(path.rpartition("/")[0], Options()).table
    assert listed(table["label"]) == ["y", None]
    assert table["age"].tolist() == [30, 30.5]


def test_it_is_recognised(write, png, tmp_path, parquet_layout, class_folder, capsys):
    assert detect_kind(write({"photo": [png(0)]})) == "parquet"
    assert detect_kind(str(tmp_path / "shards" / "data")) == "parquet"
    assert "as Hugging Face datasets write it" in capsys.readouterr().err
    pq.write_table(pa.table({"feature": [1.0]}), class_folder / "features.parquet")
    assert detect_kind(str(class_folder)) == "folder"
    pq.write_table(pa.table({"image": ["0.png"]}), class_folder / "._features.parquet")
    assert detect_kind(str(class_folder)) == "folder"


@pytest.mark.parametrize(
    ("columns", "options", "sentence"),
    [
        ({"photo": [b""], "dx": ["a"]}, {}, r"no column 'image'.*--image.*photo, dx"),
        ({"image": [b""], "dx": ["a"]}, {"image": "x"}, r"no column 'x'.*columns are image, dx"),
        ({"image": [b""], "dx": ["a"]}, {"label": "x"}, r"'x' \(--label\).*are image, dx"),
        ({"image": [b""]}, {"group": "image"}, r"'image' holds binary.*group is one text"),
        ({"image": [b""], "label": [[0, 1]]}, {}, r"'label' holds list<.*label is one text"),
        ({"image": [b""], "label": [0.5]}, {}, r"'label' holds double; labels are text or whole"),
        ({"image": [b""], "label": [-2]}, {}, "labels from -2 to -2; they are whole numbers from"),
        ({"image": [b""], "label": [2**64 - 1]}, {}, "'label' holds uint64"),
        ({"image": [b""], "split": ["pool"]}, {}, r"'pool'.*--split-map pool=unlabelled"),
        ({"image": [[0, 1]]}, {}, "'image' holds list<.*an image is bytes"),
        ({"image": [{"x": 1}]}, {}, "'image' holds struct<x: int64>"),
        ({"image": pa.array([], pa.binary())}, {}, "has no rows"),
    ],
)
def test_mistakes_are_sentences(write, columns, options, sentence):
    if columns.get("label") == [2**64 - 1]:
        columns = {**columns, "label": pa.array(columns["label"], pa.uint64())}
    with pytest.raises(UserError, match=sentence):
        parquet.read(write(columns), Options(**options))


def test_a_label_beyond_the_names_and_an_unknown_split_are_refused(write, png):
    path = write({"image": [b"", b""], "label": [0, 2]}, names=["a", "b"])
    with pytest.raises(UserError, match=r"from 0 to 2; they are whole numbers from 0 to 1, or -1"):
        parquet.read(path, Options())
    for name in ("shards/train", "shards/extra"):
        path = write({"image": [png(0)]}, f"{name}.parquet")
    with pytest.raises(UserError, match=r"'extra'.*--split-map extra=unlabelled"):
        parquet.read(path.rpartition("/")[0], Options())


def test_shards_that_do_not_fit_are_refused(write):
    write({"image": [b""], "label": [0]}, "a.parquet", names=["x", "y"])
    path = write({"image": [b""], "label": [0]}, "b.parquet", names=["y", "x"])
    folder = path.rpartition("/")[0]
    with pytest.raises(UserError, match="name the classes of 'label' differently"):
        parquet.read(folder, Options())
    write({"image": [b""], "label": ["x"]}, "b.parquet")
    with pytest.raises(UserError, match="hold different things"):
        parquet.read(folder, Options())
    write({"photo": [b""]}, "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet has no column 'image'"):
        parquet.read(folder, Options())


def test_columns_of_one_name_are_refused(tmp_path):
    table = pa.Table.from_arrays(
        [pa.array([b""]), pa.array([0]), pa.array([1])], ["image", "a", "a"]
    )
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="a name of its own"):
        parquet.read(str(tmp_path / "a.parquet"), Options())


def test_damage_is_a_sentence_and_leaves_nothing(write, png, tmp_path):
    path = write({"image": [png(number) for number in range(40)]}, compression="none")
    content = (tmp_path / "in" / "table.parquet").read_bytes()
    (tmp_path / "in" / "table.parquet").write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"table\.parquet is no Parquet file, or a damaged one"):
        import_images(path, tmp_path / "out")
    middle = len(content) // 2
    (tmp_path / "in" / "table.parquet").write_bytes(bytes(middle) + content[middle:])
    with pytest.raises(UserError, match="damaged one"):
        import_images(path, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_what_is_no_parquet_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"neither a \.parquet file nor a folder with some"):
        parquet.read(str(tmp_path), Options())
