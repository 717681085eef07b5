import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.finetuning.train import train
from twinlens.inference.predict_files import predict
from twinlens.inference.temperature import scaled
from twinlens.records.bundle import BundleInfo


@pytest.fixture(scope="module")
def run(phantoms, tmp_path_factory):
    settings = {"tuning": "linear_probe", "tta": 3, "precision": "fp32"}
    out = tmp_path_factory.mktemp("predictor") / "run"
    return train(phantoms, out, encoder="resnet18", settings=settings, device="cpu")


def test_image_files_get_the_probabilities_that_evaluation_gave_them(run, phantoms, tmp_path):
    data = open_dataset(phantoms)
    rows = open_split(data).rows["test"][:5]
    for row in rows:
        Image.fromarray(data.images[row]).save(tmp_path / f"{row:04}.png")
    found = predict(run / "model", tmp_path, raw=True, device="cpu")
    paths = found["file"].tolist()
    calibrated = predict(run / "model", paths[::-1], device="cpu")[::-1].reset_index(drop=True)
    assert calibrated["predicted"].tolist() == found["predicted"].tolist()
    p = found.filter(like="p_").to_numpy()
    expected = scaled(p, BundleInfo.read(run / "model" / "bundle.json").temperature)
    np.testing.assert_allclose(calibrated.filter(like="p_").to_numpy(), expected, atol=1e-5)
    stored = pd.read_parquet(run / "predictions.parquet")
    stored = stored[stored["split"] == "test"].filter(like="p_").to_numpy()[:5]
    np.testing.assert_allclose(found.filter(like="p_").to_numpy(), stored, atol=1e-5)
    assert found["error"].isna().all()
    assert found["file"].tolist() == [str(tmp_path / f"{row:04}.png") for row in rows]


def test_masks_beside_images_are_left_out_and_said(run, draw, tmp_path, capsys):
    for name in ("a.png", "a_mask.png", "b_mask.png"):
        draw(tmp_path / name)
    found = predict(run / "model", tmp_path, device="cpu")
    assert found["file"].tolist() == [str(tmp_path / "a.png")]
    assert "are left out, as their names say: 2, such as a_mask.png." in capsys.readouterr().err


def test_dicom_files_are_predicted_like_other_images(run, phantoms, as_dicom, tmp_path):
    pixels = open_dataset(phantoms).images[0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for name in ("b.dcm", "IM0001"):
        (tmp_path / name).write_bytes(as_dicom(pixels))
    (tmp_path / "c.dcm").write_bytes(as_dicom(pixels, NumberOfFrames=2))
    found = predict(run / "model", tmp_path, device="cpu")
    assert [path.rpartition("/")[2] for path in found["file"]] == [
        "IM0001",
        "a.png",
        "b.dcm",
        "c.dcm",
    ]
    assert found["error"].fillna("").str[:8].tolist() == ["", "", "", "2 frames"]
    probabilities = found.filter(like="p_").to_numpy()
    np.testing.assert_allclose(probabilities[:2], probabilities[1:3], atol=1e-6)


def test_broken_files_are_rows_with_a_reason(run, tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    found = predict(run / "model", [tmp_path / "a.png", tmp_path / "b.png"], device="cpu")
    assert found["error"].fillna("").tolist() == ["", "empty file"]
    assert found["predicted"].isna().tolist() == [False, True]
    assert found.filter(like="p_").isna().all(axis=1).tolist() == [False, True]


def test_mistakes_are_sentences(run, tmp_path):
    with pytest.raises(UserError, match=r"none\.png does not exist"):
        predict(run / "model", tmp_path / "none.png")
    with pytest.raises(UserError, match="There are no image files in"):
        predict(run / "model", tmp_path)
    (tmp_path / "x.png").touch()
    with pytest.raises(UserError, match="not a model bundle"):
        predict(tmp_path, tmp_path / "x.png")
