import pytest

from twinlens.errors import UserError
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.source import Options
from twinlens.importing.sources import isic2019

CLASSES = "MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"
TRAINING = "ISIC_2019_Training"
TEST = "ISIC_2019_Test"


def truth(folder, rows, part=TRAINING, header=f"image,{CLASSES}", more=""):
    """Write the ground truth of a part: for each image its class."""
    columns = header.split(",")[1:10]
    lines = [
        ",".join([image, *(f"{float(name == label)}" for name in columns)]) + more
        for image, label in rows.items()
    ]
    (folder / f"{part}_GroundTruth.csv").write_text("\n".join([header, *lines]) + "\n")


def metadata(folder, *rows, part=TRAINING):
    header = "image,age_approx,anatom_site_general,lesion_id,sex"
    (folder / f"{part}_Metadata.csv").write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def training(tmp_path, draw):
    for number in range(3):
        draw(tmp_path / f"{TRAINING}_Input" / f"ISIC_{number}.jpg", number)
    truth(tmp_path, {"ISIC_0": "SCC", "ISIC_1": "AK", "ISIC_2": "AK"})
    metadata(tmp_path, "ISIC_2,40,,L1,male", "ISIC_0,55,head/neck,L1,female", "ISIC_1,,,,")
    return tmp_path


@pytest.fixture
def both(training, draw):
    for number in range(3, 5):
        draw(training / f"{TEST}_Input" / f"ISIC_{number}.jpg", number)
    header = f"image,{CLASSES},score_weight,validation_weight"
    truth(training, {"ISIC_3": "UNK", "ISIC_4": "NV"}, TEST, header, more=",1.0,0.0")
    (training / f"{TEST}_Metadata.csv").write_text(
        "image,age_approx,anatom_site_general,sex\nISIC_4,20,palms/soles,male\nISIC_3,30,,\n"
    )
    return training


def test_labels_lesions_and_attributes_of_the_training_part(training, capsys):
    source = isic2019.SOURCE.read(str(training), Options())
    table = source.table.astype(object).fillna("-")
    assert list(table.columns) == [
        "id", "label", "group", "split", "part", "age", "sex", "site",
    ]  # fmt: skip
    assert table.to_numpy().tolist() == [
        ["ISIC_0", "SCC", "L1", "-", "training", 55, "female", "head/neck"],
        ["ISIC_1", "AK", "-", "-", "training", "-", "-", "-"],
        ["ISIC_2", "AK", "L1", "-", "training", 40, "male", "-"],
    ]
    assert [path.name for path in source.items] == ["ISIC_0.jpg", "ISIC_1.jpg", "ISIC_2.jpg"]
    assert source.classes == list(ISIC_CLASSES)
    assert source.class_info["SCC"].group == "malignant"
    assert capsys.readouterr().err == ""


def test_the_test_part_is_told_apart_and_its_unknown_class_is_unlabelled(both, capsys):
    source = isic2019.SOURCE.read(str(both), Options())
    table = source.table.astype(object).fillna("-")
    assert table["part"].tolist() == ["training"] * 3 + ["test"] * 2
    assert table["label"].tolist() == ["SCC", "AK", "AK", "-", "NV"]
    assert table["age"].tolist() == [55, "-", 40, 30, 20]
    assert table["site"].tolist()[3:] == ["-", "palms/soles"]
    assert set(table["split"]) == {"-"}
    assert source.items[3] == both / f"{TEST}_Input" / "ISIC_3.jpg"
    said = capsys.readouterr().err
    assert said.count("1 images of unknown class (UNK) are read as unlabelled.") == 1
    assert f"{TEST}_GroundTruth.csv: without lesion ids" in said
    assert f"{TRAINING}_GroundTruth.csv: without lesion ids" not in said


def test_the_test_part_alone(both):
    (both / f"{TRAINING}_GroundTruth.csv").unlink()
    assert isic2019.SOURCE.detect(str(both))
    assert isic2019.SOURCE.read(str(both), Options()).table["part"].unique().tolist() == ["test"]


def test_without_metadata_groups_are_said_to_be_unknown(training, capsys):
    (training / f"{TRAINING}_Metadata.csv").unlink()
    table = isic2019.SOURCE.read(str(training), Options()).table
    assert table["label"].tolist() == ["SCC", "AK", "AK"]
    assert table[["group", "age", "sex", "site"]].isna().all(axis=None)
    assert f"(in {TRAINING}_Metadata.csv) its groups are unknown" in capsys.readouterr().err


def test_images_in_folders_of_other_names_and_tables_in_one_of_their_own(training):
    (training / f"{TRAINING}_Input").rename(training / "photos")
    (training / "tables").mkdir()
    for name in ("GroundTruth", "Metadata"):
        (training / f"{TRAINING}_{name}.csv").rename(training / "tables" / f"{TRAINING}_{name}.csv")
    source = isic2019.SOURCE.read(str(training), Options())
    assert [path.parent.name for path in source.items] == ["photos"] * 3
    assert source.table["group"].notna().sum() == 2


def test_a_missing_image_is_skipped_and_the_rest_stays_in_step(both):
    (both / f"{TRAINING}_Input" / "ISIC_1.jpg").unlink()
    (both / f"{TEST}_Input" / "ISIC_3.jpg").unlink()
    source = isic2019.SOURCE.read(str(both), Options())
    assert source.skipped == [("ISIC_1", "no such file"), ("ISIC_3", "no such file")]
    assert source.table["id"].tolist() == [path.stem for path in source.items]
    assert source.table["label"].tolist() == ["SCC", "AK", "NV"]


def test_the_tables_alone(both):
    whole = isic2019.SOURCE.read(str(both), Options()).table
    for image in both.rglob("*.jpg"):
        image.unlink()
    source = isic2019.SOURCE.read(str(both), Options(table_only=True))
    assert source.table.equals(whole)
    assert source.skipped == []


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("ISIC_9,1,1,0,0,0,0,0,0,0", "two classes"),
        ("ISIC_9,0,0,0,0,0,0,0,0,0", "none"),
        ("ISIC_9,0.5,0.5,0,0,0,0,0,0,0", "probabilities"),
        ("ISIC_9,2,-1,0,0,0,0,0,0,0", "a sum of one"),
        ("ISIC_9,1,,0,0,0,0,0,0,0", "a blank"),
        ("ISIC_9,1,no,0,0,0,0,0,0,0", "a word"),
    ],
    ids=lambda text: text,
)
def test_a_row_that_is_not_one_hot_is_refused_with_file_and_line(training, row, why):
    with (training / f"{TRAINING}_GroundTruth.csv").open("a") as file:
        file.write(f"\n{row}\n")
    with pytest.raises(UserError, match=rf"{TRAINING}_GroundTruth.csv, line 6: a row needs a 1"):
        isic2019.SOURCE.read(str(training), Options())


def test_an_unknown_class_is_refused_with_file_and_line(training):
    truth(training, {"ISIC_0": "NV"}, header="image,MEL,NV,BCC,AK,BKL,DF,VASC,SCCC,UNK")
    with pytest.raises(
        UserError, match=rf"{TRAINING}_GroundTruth.csv, line 1: 'SCCC'. Did you mean 'SCC'"
    ):
        isic2019.SOURCE.read(str(training), Options())


def test_an_image_described_twice_is_refused(training):
    metadata(training, "ISIC_0,1,,,", "ISIC_1,1,,,", "ISIC_0,2,,,")
    with pytest.raises(UserError, match=r"Metadata.csv, line 4: 'ISIC_0' is described a second"):
        isic2019.SOURCE.read(str(training), Options())


def test_an_image_with_two_classes_is_refused(training):
    path = training / f"{TRAINING}_GroundTruth.csv"
    path.write_text(path.read_text() + "ISIC_0,1,0,0,0,0,0,0,0,0\n")
    with pytest.raises(UserError, match=r"'ISIC_0' \(lines 2, 5\)"):
        isic2019.SOURCE.read(str(training), Options())


def test_an_image_in_both_parts_is_refused(both):
    truth(both, {"ISIC_0": "NV"}, TEST)
    with pytest.raises(UserError, match="names the image 'ISIC_0' in two parts"):
        isic2019.SOURCE.read(str(both), Options())


def test_a_table_of_other_columns_is_refused(training):
    (training / f"{TRAINING}_GroundTruth.csv").write_text("file,NV\nISIC_0,1\n")
    with pytest.raises(UserError, match="no column 'image', so it is not the official table"):
        isic2019.SOURCE.read(str(training), Options())
