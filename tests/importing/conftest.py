"""For each kind of source a small example in its real layout: a fixture KIND_layout."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def folder_layout(class_folder: Path) -> Path:
    return class_folder


@pytest.fixture
def unlabelled_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    for number in range(3):
        draw(tmp_path / "images" / f"{number}.png", number)
    return tmp_path / "images"


@pytest.fixture
def csv_layout(class_folder: Path) -> Path:
    (class_folder / "labels.csv").write_text("image,label,split\n0,MEL,train\n1,NV,\n")
    return class_folder


@pytest.fixture
def phantom_layout() -> str:
    return "phantom:12"


@pytest.fixture
def isic2019_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    folder = tmp_path / "isic2019"
    draw(folder / "ISIC_2019_Training_Input" / "ISIC_0000000.jpg", 0)
    draw(folder / "ISIC_2019_Training_Input" / "ISIC_0000001_downsampled.jpg", 1)
    draw(folder / "ISIC_2019_Test_Input" / "ISIC_0034321.jpg", 2)
    header = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"
    tables = {
        "Training_GroundTruth": f"{header}\nISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
        "ISIC_0000001_downsampled,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0\n",
        "Training_Metadata": "image,age_approx,anatom_site_general,lesion_id,sex\n"
        "ISIC_0000000,55.0,anterior torso,,female\nISIC_0000001_downsampled,,,BCN_1,male\n",
        "Test_GroundTruth": f"{header},score_weight,validation_weight\n"
        "ISIC_0034321,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0\n",
        "Test_Metadata": "image,age_approx,anatom_site_general,sex\nISIC_0034321,30.0,,male\n",
    }
    for name, text in tables.items():
        (folder / f"ISIC_2019_{name}.csv").write_text(text)
    return folder


@pytest.fixture
def isic2018_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    folder = tmp_path / "isic2018"
    for number, part in enumerate(("Training", "Validation", "Test")):
        name = f"ISIC2018_Task3_{part}_GroundTruth"
        draw(folder / f"ISIC2018_Task3_{part}_Input" / f"ISIC_{number}.jpg", number)
        (folder / name).mkdir()
        (folder / name / f"{name}.csv").write_text(
            f"image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_{number},0.0,0.0,0.0,1.0,0.0,0.0,0.0\n"
        )
    (folder / "ISIC2018_Task3_Training_LesionGroupings.csv").write_text(
        "image,lesion_id,diagnosis_confirm_type\nISIC_0,HAM_1,histopathology\n"
    )
    return folder


@pytest.fixture
def ham10000_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    folder = tmp_path / "ham10000"
    draw(folder / "HAM10000_images_part_1" / "ISIC_0024306.jpg", 0)
    draw(folder / "HAM10000_images_part_2" / "ISIC_0029306.jpg", 1)
    (folder / "HAM10000_metadata.csv").write_text(
        "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
        "HAM_0000550,ISIC_0024306,nv,follow_up,45.0,male,trunk\n"
        "HAM_0003577,ISIC_0029306,akiec,histo,,unknown,unknown\n"
    )
    return folder


@pytest.fixture
def dicom_layout(tmp_path: Path, as_dicom: Callable[..., bytes]) -> Path:
    folder = tmp_path / "dicom"
    (folder / "study").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, name in enumerate(("IM0001", "study/IM0002", "study/IM0003.dcm")):
        pixels = rng.integers(0, 256, (16, 20, 3), np.uint8)
        (folder / name).write_bytes(as_dicom(pixels, PatientID=f"P{number}", PatientName="Doe^Jo"))
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    return folder


@pytest.fixture
def medmnist_layout(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, 28, 28, 3), np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez_compressed(tmp_path / "breastmnist.npz", **arrays)
    return tmp_path / "breastmnist.npz"


@pytest.fixture
def parquet_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """Two shards for training and one each for the others, in the sub-folder ``data``."""
    (tmp_path / "shards" / "data").mkdir(parents=True)
    names = ["train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001", "test"]
    features = {"label": {"names": ["nevus", "melanoma"], "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    for shard, name in enumerate(names):
        numbers = range(3 * shard, 3 * shard + 3)
        files = [draw(tmp_path / "png" / f"{number}.png", number) for number in numbers]
        images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
        table = pa.table({"image": images, "label": [number % 2 for number in numbers]})
        path = tmp_path / "shards" / "data" / f"{name}.parquet"
        pq.write_table(table.replace_schema_metadata(about), path)
    return tmp_path / "shards"
