import pytest

from twinlens.errors import UserError
from twinlens.importing.source import Options
from twinlens.importing.sources import isic2018

HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"


@pytest.fixture
def task3(tmp_path, draw):
    """Training with lesions, tables in folders of their own; Validation and Test without."""
    rows = {
        "Training": ["ISIC_0,0.0,0.0,0.0,1.0,0.0,0.0,0.0", "ISIC_1,0.0,1.0,0.0,0.0,0.0,0.0,0.0"],
        "Validation": ["ISIC_2,1.0,0.0,0.0,0.0,0.0,0.0,0.0"],
        "Test": ["ISIC_3,0.0,0.0,0.0,0.0,0.0,0.0,1.0"],
    }
    for part, lines in rows.items():
        for line in lines:
            name = line.partition(",")[0]
            draw(tmp_path / f"ISIC2018_Task3_{part}_Input" / f"{name}.jpg", int(name[-1]))
        folder = tmp_path / f"ISIC2018_Task3_{part}_GroundTruth"
        folder.mkdir()
        (folder / f"{folder.name}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    (tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv").write_text(
        "image,lesion_id,diagnosis_confirm_type\n"
        "ISIC_1,HAM_7,follow-up\n"
        "ISIC_0,HAM_8,histopathology\n"
    )
    return tmp_path


def test_three_parts_with_their_labels_and_lesions(task3, capsys):
    source = isic2018.SOURCE.read(str(task3), Options())
    assert source.table.astype(object).fillna("-").to_numpy().tolist() == [
        ["ISIC_0", "AKIEC", "HAM_8", "-", "training", "histopathology"],
        ["ISIC_1", "NV", "HAM_7", "-", "training", "follow-up"],
        ["ISIC_2", "MEL", "-", "-", "validation", "-"],
        ["ISIC_3", "VASC", "-", "-", "test", "-"],
    ]
    assert source.table.columns[-1] == "diagnosis_confirm_type"
    assert [path.stem for path in source.items] == source.table["id"].tolist()
    said = capsys.readouterr().err
    assert [part in said for part in ("Training_G", "Validation_G", "Test_G")] == [
        False, True, True,
    ]  # fmt: skip


def test_actinic_keratosis_and_intraepithelial_carcinoma_are_a_class_of_their_own(task3):
    source = isic2018.SOURCE.read(str(task3), Options())
    assert source.classes == ["AKIEC", "BCC", "BKL", "DF", "MEL", "NV", "VASC"]
    assert list(source.class_info) == source.classes
    assert source.class_info["AKIEC"].title == "actinic keratosis and intraepithelial carcinoma"
    groups = {name: info.group for name, info in source.class_info.items()}
    assert [name for name in groups if groups[name] == "malignant"] == ["AKIEC", "BCC", "MEL"]


def test_an_error_names_the_file_where_it_lies(task3):
    name = "ISIC2018_Task3_Test_GroundTruth"
    (task3 / name / f"{name}.csv").write_text(f"{HEADER}\nISIC_3,0,0,0,0,0,0,0\n")
    with pytest.raises(UserError, match=rf"{name}/{name}.csv, line 2"):
        isic2018.SOURCE.read(str(task3), Options())
