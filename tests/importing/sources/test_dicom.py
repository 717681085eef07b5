import sys

import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.formats import dicom_header
from twinlens.importing.import_images import import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import dicom

pytest.importorskip("pydicom")

UIDS = {name: f"1.2.826.0.1.3680043.8.498.{number}" for number, name in enumerate("abc", 1)}


@pytest.fixture
def put(tmp_path, as_dicom):
    """A function that writes a DICOM file, each name another image, and returns its path."""

    def to_file(name, **elements):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        path.write_bytes(as_dicom(rng.integers(0, 256, (16, 20), np.uint8), **elements))
        return path

    return to_file


@pytest.fixture
def folder(put):
    """Three images of two patients, in files with and without a suffix."""
    common = {"PatientName": "Doe^Jane", "PatientBirthDate": "19790401", "Modality": "DX"}
    jane = {**common, "PatientID": " 4711 ", "PatientAge": "045Y", "PatientSex": "F"}
    put("a.dcm", **jane, SeriesDescription="NV", SOPInstanceUID=UIDS["a"])
    put("one/b", **jane, SeriesDescription="MEL", BodyPartExamined="ARM", SOPInstanceUID=UIDS["b"])
    last = {**common, "PatientID": "4712", "PatientAge": "006M", "PatientSex": "O"}
    return put("one/c.1", **last, SeriesDescription="", SOPInstanceUID=UIDS["c"]).parents[1]


def read(folder, **options):
    return dicom.read(str(folder), Options(**options))


def listed(folder, text):
    (folder / "labels.csv").write_text(text)
    return folder


def cells(table):
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()


def test_the_table_comes_from_the_headers(folder):
    source = read(folder, label="SeriesDescription")
    jane, other = dicom_header.pseudonym("4711"), dicom_header.pseudonym("4712")
    assert list(source.table.columns) == [
        "id", "label", "group", "split", "age", "sex", "site", "modality",
    ]  # fmt: skip
    assert cells(source.table) == [
        ["a.dcm", "NV", jane, None, 45.0, "female", None, "DX"],
        ["one/b", "MEL", jane, None, 45.0, "female", "ARM", "DX"],
        ["one/c.1", None, other, None, 0.5, None, None, "DX"],
    ]
    assert source.items == [folder / name for name in source.table["id"]]
    assert source.skipped == []


def test_no_patient_reaches_the_data_set(folder, tmp_path):
    listed(folder, "image,label,PatientName,group\na.dcm,NV,Doe Jane,4711\none/b,MEL,Doe Jane,\n")
    dataset = import_images(folder, tmp_path / "out", size=16)
    assert dataset.table["group"].nunique() == 1
    texts = [
        path.read_text() for path in dataset.path.iterdir() if path.suffix in (".json", ".csv")
    ]
    assert len(texts) == 2
    stored = "".join([*texts, dataset.table.to_csv()])
    for telling in ("Doe", "4711", "1979", *UIDS.values()):
        assert telling not in stored


def test_groups_and_splits_by_tag(put):
    for name, study, part in (("a", "1.2", "train"), ("b", "1.2", "pool"), ("c", "1.3", "")):
        put(name, StudyInstanceUID=study, ProtocolName=part, ImageType=["ORIGINAL", "PRIMARY"])
    table = read(
        put("d").parent,
        group="StudyInstanceUID",
        split="ProtocolName",
        label="ImageType",
        split_map={"pool": "unlabelled"},
    ).table
    one, two = dicom_header.pseudonym("1.2"), dicom_header.pseudonym("1.3")
    assert cells(table[["group", "split"]]) == [
        [one, "train"], [one, "unlabelled"], [two, None], [None, None],
    ]  # fmt: skip
    assert table["label"].dropna().tolist() == ["ORIGINAL\\PRIMARY"] * 3


def test_a_csv_names_files_or_instances(folder, capsys):
    text = f"file,diagnosis,lesion,part,notes\na.dcm,NV,L1,train,\n{UIDS['b']},MEL,,test,x\n"
    columns = {"image": "file", "label": "diagnosis", "group": "lesion", "split": "part"}
    source = read(listed(folder, text), **columns)
    assert cells(source.table) == [
        ["a.dcm", "NV", dicom_header.pseudonym("L1"), "train", 45.0, "female", None, "DX"],
        ["one/b", "MEL", dicom_header.pseudonym("4711"), "test", 45.0, "female", "ARM", "DX"],
    ]
    assert "labels.csv that are left out, in case they identify: notes" in capsys.readouterr().err
    again = dicom.read(str(folder / "labels.csv"), Options(**columns))
    pd.testing.assert_frame_equal(again.table, source.table)


def test_what_a_csv_names_in_vain_is_skipped(folder, put):
    put("one/film", NumberOfFrames=3)
    (folder / "note.txt").write_text("a note")
    text = "image,label\nb,NV\ngone,NV\none/film,NV\nnote.txt,NV\n,NV\n"
    source = read(listed(folder, text))
    assert source.table["id"].tolist() == ["one/b"]
    assert source.skipped == [
        ("gone", "no such file"),
        ("one/film", "3 frames, but only single images are read"),
        ("note.txt", "not a DICOM file here"),
        ("labels.csv, line 6", "the row names no image"),
    ]


def test_several_rows_of_an_image_are_one_if_they_agree(folder):
    text = f"image,label,box\na.dcm,NV,1\n{UIDS['a']},NV,2\n{UIDS['b']},MEL,3\n"
    assert read(listed(folder, text)).table["id"].tolist() == ["a.dcm", "one/b"]
    listed(folder, text.replace("NV,2", "MEL,2"))
    with pytest.raises(
        UserError, match=r"more than once, with another label: 'a.dcm' \(lines 2, 3"
    ):
        read(folder)


@pytest.mark.parametrize("text", [None, "image,label\na,NV\none/b,MEL\n"])
def test_an_empty_group_makes_each_image_its_own(folder, text):
    if text:
        listed(folder, text)
    assert read(folder, group="").table["group"].isna().all()


@pytest.fixture
def in_classes(put):
    """A function that puts two images into each of the folders covid and normal."""

    def to_folders(**ids):
        for number, name in enumerate(["covid/1", "covid/2.dcm", "normal/1.dcm", "normal/2"]):
            tags = {keyword: values[number] for keyword, values in ids.items() if values[number]}
            path = put(name, **tags)
        return path.parents[1]

    return to_folders


@pytest.mark.parametrize(
    "ids",
    [
        {},
        {"PatientID": ["1", "2", "3", "4"]},
        {"PatientID": ["1", "1", "1", "1"]},
        {"PatientID": ["1", "1", "1", "2"], "StudyInstanceUID": ["1.1", "1.2", "1.3", "1.4"]},
        {"PatientID": ["1", "1", "2", ""]},
    ],
)
def test_sub_folders_are_classes(in_classes, ids, capsys):
    table = read(in_classes(**ids)).table
    assert table["label"].tolist() == ["covid", "covid", "normal", "normal"]
    assert "sub-folders (covid, normal) are taken as classes" in capsys.readouterr().err
    assert table["group"].nunique() == len({*ids.get("PatientID", [])} - {""})


@pytest.mark.parametrize(
    ("ids", "unit"),
    [
        ({"PatientID": ["1", "1", "2", "2"]}, "patient"),
        ({"PatientID": ["1"] * 4, "StudyInstanceUID": ["1.1", "1.1", "1.2", "1.2"]}, "study"),
        ({"SeriesInstanceUID": ["1.1", "1.1", "1.2", "1.2"]}, "series"),
    ],
)
def test_sub_folders_of_one_patient_study_or_series_are_not(in_classes, ids, unit, capsys):
    assert read(in_classes(**ids)).table["label"].isna().all()
    told = capsys.readouterr().err
    assert f"Each sub-folder (covid, normal) is one {unit}, so they are NOT taken as" in told


def test_a_tag_or_an_empty_label_is_preferred_to_sub_folders(in_classes):
    root = in_classes(Modality=["DX", "CR", "DX", "CR"])
    assert read(root, label="Modality").table["label"].tolist() == ["DX", "CR", "DX", "CR"]
    assert read(root, label="").table["label"].isna().all()


def test_dicom_beside_other_images_is_imported_with_them(put, draw, tmp_path):
    root = put("covid/0.dcm", PatientID="4711").parents[1]
    put("covid/1", PatientID="4711")
    put("covid/2.dcm").write_bytes(bytes(128) + b"DICM")
    draw(root / "normal" / "3.png")
    dataset = import_images(root, tmp_path / "out", size=16)
    jane = dicom_header.pseudonym("4711")
    assert dataset.table.to_numpy().tolist() == [
        ["covid/0.dcm", "covid", jane],
        ["covid/1", "covid", jane],
        ["normal/3.png", "normal", "normal/3.png"],
    ]
    apart = import_images(root, tmp_path / "apart", size=16, group="")
    assert apart.table["group"].tolist() == apart.table["id"].tolist()


def test_files_that_hold_no_single_image_are_skipped(folder, put, as_dicom):
    put("film", NumberOfFrames=30)
    (folder / "report").write_bytes(as_dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"))
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "cut").write_bytes((folder / "a.dcm").read_bytes()[:200])
    (folder / "odd").write_bytes(
        (folder / "a.dcm").read_bytes().replace(b"DA\x08\0", b"\0\0\x08\0")
    )
    (folder / ".hidden").write_bytes((folder / "a.dcm").read_bytes())
    (folder / "DICOMDIR").write_bytes((folder / "a.dcm").read_bytes())
    (folder / "README").write_text("a note")
    source = read(folder)
    assert source.table["id"].tolist() == ["a.dcm", "one/b", "one/c.1"]
    reasons = dict(source.skipped)
    assert sorted(reasons) == ["cut", "empty.dcm", "film", "odd", "report"]
    assert reasons["film"] == "30 frames, but only single images are read"
    assert reasons["report"] == "holds no pixels (Basic Text SR Storage)"
    assert reasons["empty.dcm"] == "not a DICOM file (without 'DICM' at byte 128)"


def test_damaged_pixels_are_listed_at_import(folder, put, tmp_path):
    content = (folder / "a.dcm").read_bytes()
    (folder / "a.dcm").write_bytes(content[:-100])
    dataset = import_images(folder, tmp_path / "out", size=16)
    assert dataset.table["id"].tolist() == ["one/b", "one/c.1"]
    skipped = pd.read_csv(dataset.path / "skipped.csv")
    assert skipped["file"].tolist() == ["a.dcm"]
    assert "damaged DICOM file" in skipped["reason"][0]


def test_odd_files_do_not_warn(put, tmp_path):
    """Warnings are errors here; pydicom has one about the alphabet, one about the pixels."""
    path = put("a", PatientID="P", SpecificCharacterSet="ISO_IR 100", PixelData=bytes(400))
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999"))
    assert len(import_images(path.parent, tmp_path / "out", size=16).table) == 1


def test_recognised_are_folders_of_dicom_files_alone(folder, draw, tmp_path):
    assert dicom.detect(str(folder))
    assert not dicom.detect(str(folder / "labels.csv"))
    listed(folder, "image\na\n")
    assert dicom.detect(str(folder))
    assert dicom.detect(str(folder / "labels.csv"))
    assert not dicom.detect(str(folder / "a.dcm"))
    assert not dicom.detect(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    assert not dicom.detect(str(tmp_path / "empty"))
    draw(folder / "photo.png")
    assert not dicom.detect(str(folder))


def test_columns_reach_the_source_through_the_import(folder, tmp_path):
    dataset = import_images(folder, tmp_path / "out", label="SeriesDescription", size=16)
    assert dataset.classes == ["MEL", "NV"]
    assert dataset.record.sources[0].kind == "dicom"


def test_an_identifying_column_is_refused(folder):
    listed(folder, "image,PatientName\na,Doe\n")
    with pytest.raises(UserError, match=r"'PatientName' \(--label\) can tell who"):
        read(folder, label="PatientName")


def test_mistakes_are_sentences(folder, tmp_path):
    with pytest.raises(UserError, match=r"No file in .* has the tag 'StudyID' \(--group\)"):
        read(folder, group="StudyID")
    with pytest.raises(UserError, match="--image names a column of a table, but"):
        read(folder, image="file")
    with pytest.raises(UserError, match="Unknown split names in the source: 'DX'"):
        read(folder, split="Modality")
    with pytest.raises(UserError, match="no column 'SeriesDescription'"):
        read(listed(folder, "image\na\n"), label="SeriesDescription")
    (folder / "more.csv").write_text("image\na\n")
    with pytest.raises(UserError, match=r"several tables \(labels.csv, more.csv\)"):
        read(folder)
    with pytest.raises(UserError, match="nowhere is not a folder with DICOM files"):
        read(tmp_path / "nowhere")


def test_a_folder_of_broken_files_is_one_sentence(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(50))
    with pytest.raises(UserError, match=r"None of the 1 images.*a\.dcm: "):
        import_images(tmp_path / "in", tmp_path / "out", kind="dicom")


def test_without_pydicom_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.datadict", None)
    assert dicom.detect(str(folder))
    with pytest.raises(UserError, match=r"pip install 'twinlens\[dicom\]'"):
        read(folder)
