import shutil

import pytest

from twinlens.errors import UserError
from twinlens.importing.import_images import detect_kind, import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import ham10000

ROWS = (
    "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
    "HAM_1,ISIC_0,bkl,histo,80.0,male,scalp\n"
    "HAM_1,ISIC_1,bkl,histo,80.0,male,scalp\n"
    "HAM_2,ISIC_2,akiec,histo,,unknown,unknown\n"
    "HAM_3,ISIC_3,nv,follow_up,35.0,female,back\n"
)


@pytest.fixture
def ham(tmp_path, draw):
    folder = tmp_path / "ham"
    for number in range(4):
        draw(folder / f"HAM10000_images_part_{1 + number // 2}" / f"ISIC_{number}.jpg", number)
    (folder / "HAM10000_metadata.csv").write_text(ROWS)
    return folder


def test_labels_lesions_and_attributes(ham):
    source = ham10000.read(str(ham), Options())
    assert source.licence == "CC BY-NC 4.0"
    assert list(source.table.columns) == [
        "id", "label", "group", "split", "age", "sex", "site", "dx_type",
    ]  # fmt: skip
    assert source.table.astype(object).fillna("-").to_numpy().tolist() == [
        ["ISIC_0", "BKL", "HAM_1", "-", 80, "male", "scalp", "histo"],
        ["ISIC_1", "BKL", "HAM_1", "-", 80, "male", "scalp", "histo"],
        ["ISIC_2", "AKIEC", "HAM_2", "-", "-", "-", "-", "histo"],
        ["ISIC_3", "NV", "HAM_3", "-", 35, "female", "back", "follow_up"],
    ]
    assert [path.parent.name[-1] for path in source.items] == ["1", "1", "2", "2"]
    assert source.classes == ["AKIEC", "BCC", "BKL", "DF", "MEL", "NV", "VASC"]
    assert source.class_info["AKIEC"].group == "malignant"


@pytest.mark.parametrize("name", ["HAM10000_metadata", "HAM10000_metadata.tab"])
def test_dataverse_names_and_columns(ham, name):
    (ham / "HAM10000_metadata.csv").unlink()
    first, *rows = ROWS.splitlines()
    lines = [f"{first},dataset", *(f"{row},vidir_modern" for row in rows)]
    text = "\n".join(lines)
    (ham / name).write_text(text.replace(",", "\t") if name.endswith("tab") else text)
    assert detect_kind(str(ham)) == "ham10000"
    table = ham10000.read(str(ham), Options()).table
    assert table["label"].tolist() == ["BKL", "BKL", "AKIEC", "NV"]
    assert table["dataset"].tolist() == ["vidir_modern"] * 4


def test_other_tables_beside_the_metadata_change_nothing(ham):
    (ham / "hmnist_28_28_L.csv").write_text("pixel0000,label\n1,2\n")
    (ham / "ISIC2018_Task3_Test_GroundTruth.csv").write_text(ROWS)
    assert detect_kind(str(ham)) == "ham10000"


def test_metadata_and_images_in_folders_side_by_side(ham):
    (ham / "tables").mkdir()
    (ham / "HAM10000_metadata.csv").rename(ham / "tables" / "HAM10000_metadata.csv")
    assert len(ham10000.read(str(ham), Options()).items) == 4


def test_folders_that_are_there_twice_in_two_spellings_are_read_once(ham):
    for part in ("1", "2"):
        shutil.copytree(ham / f"HAM10000_images_part_{part}", ham / f"ham10000_images_part_{part}")
    source = ham10000.read(str(ham), Options())
    assert source.table["id"].tolist() == [path.stem for path in source.items]
    assert len(source.items) == 4


def test_a_missing_image_is_skipped_and_listed(ham, tmp_path):
    (ham / "HAM10000_images_part_1" / "ISIC_1.jpg").unlink()
    dataset = import_images(ham, tmp_path / "out", size=16)
    assert dataset.table["id"].tolist() == ["ISIC_0", "ISIC_2", "ISIC_3"]
    assert (tmp_path / "out" / "skipped.csv").read_text() == "file,reason\nISIC_1,no such file\n"
    assert dataset.class_info["NV"].title == "melanocytic nevus"


def test_the_table_alone(ham):
    whole = ham10000.read(str(ham), Options()).table
    for part in ("1", "2"):
        shutil.rmtree(ham / f"HAM10000_images_part_{part}")
    assert ham10000.read(str(ham), Options(table_only=True)).table.equals(whole)


def test_a_blank_diagnosis_is_unlabelled(ham):
    (ham / "HAM10000_metadata.csv").write_text(ROWS.replace(",nv,", ",,"))
    labels = ham10000.read(str(ham), Options()).table["label"]
    assert labels.isna().tolist() == [False, False, False, True]


def test_an_unknown_diagnosis_is_refused_with_file_and_line(ham):
    (ham / "HAM10000_metadata.csv").write_text(ROWS.replace("akiec", "akie"))
    with pytest.raises(
        UserError, match=r"HAM10000_metadata.csv, line 4: 'akie'. Did you mean 'akiec'\? Valid: ak"
    ):
        ham10000.read(str(ham), Options())


def test_a_missing_column_is_named(ham):
    (ham / "HAM10000_metadata.csv").write_text(ROWS.replace("lesion_id", "lesion"))
    with pytest.raises(UserError, match="no column 'lesion_id'"):
        ham10000.read(str(ham), Options())


def test_another_folder_is_refused(tmp_path):
    assert not ham10000.detect(str(tmp_path))
    with pytest.raises(UserError, match=r"not a folder with HAM10000_metadata\.csv, .*\.tab or"):
        ham10000.read(str(tmp_path), Options())
