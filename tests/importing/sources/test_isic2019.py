import pytest

from twinlens.errors import UserError
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.import_images import detect_kind
from twinlens.importing.source import Options
from twinlens.importing.sources import isic2019
from twinlens.importing.table_file import read_cells

TRAINING = "ISIC_2019_Training"


def test_classes_and_columns_of_the_challenge(isic2019_layout):
    source = isic2019.SOURCE.read(str(isic2019_layout), Options())
    assert source.classes == list(ISIC_CLASSES)
    assert source.class_info["SCC"].group == "malignant"
    assert source.licence == "CC BY-NC 4.0"
    assert list(source.table.columns[4:]) == ["part", "age", "sex", "site"]


@pytest.mark.parametrize("source", ["", "nowhere", "labels.csv"])
def test_a_source_of_another_kind_is_refused(tmp_path, source):
    (tmp_path / "labels.csv").write_text("image\na\n")
    assert not isic2019.SOURCE.detect(str(tmp_path / source))
    with pytest.raises(UserError, match=rf"not a folder with {TRAINING}_GroundTruth.csv"):
        isic2019.SOURCE.read(str(tmp_path / source), Options())


@pytest.mark.real
def test_the_official_tables(shared):
    folder = shared / "data" / "isic2019"
    assert detect_kind(str(folder)) == "isic2019"
    source = isic2019.SOURCE.read(str(folder), Options(table_only=True))
    table = source.table
    assert len(table) == len(source.items) == table["id"].nunique() == 25331
    assert table["label"].value_counts().to_dict() == {
        "NV": 12875, "MEL": 4522, "BCC": 3323, "BKL": 2624, "AK": 867, "SCC": 628, "VASC": 253,
        "DF": 239,
    }  # fmt: skip
    assert table["id"].str.endswith("_downsampled").sum() == 2074
    missing = {"group": 2084, "age": 437, "sex": 384, "site": 2631, "split": 25331}
    assert table.isna().sum()[list(missing)].to_dict() == missing
    assert table["group"].nunique() == 11847
    assert table["age"].between(0, 85).sum() == 25331 - 437
    raw = read_cells(folder / f"{TRAINING}_Metadata.csv").set_index("image")["lesion_id"]
    assert table["group"].fillna("").tolist() == raw.loc[table["id"]].fillna("").tolist()
