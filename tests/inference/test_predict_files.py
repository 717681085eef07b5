from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.finetuning.train import train
from twinlens.inference.predict_files import predict, predict_in_parts
from twinlens.inference.prediction_sets import names_of
from twinlens.inference.predictor import Predictor
from twinlens.inference.temperature import scaled
from twinlens.models.bundle import load_bundle
from twinlens.models.load_model import load_model
from twinlens.records.bundle import BundleInfo
from twinlens.requests.predict import PredictRequest
from twinlens.views.view import normalise


@pytest.fixture(scope="module")
def run(phantoms, tmp_path_factory):
    settings = {"tuning": "linear_probe", "tta": 3, "precision": "fp32"}
    out = tmp_path_factory.mktemp("predictor") / "run"
    return train(phantoms, out, encoder="resnet18_quarter", settings=settings, device="cpu")


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


def test_it_reads_images_as_it_goes(small_model, draw, tmp_path, monkeypatch):
    files = [draw(tmp_path / f"{number:03}.png", number) for number in range(200)]
    files[70].write_text("no image")
    read, whole = [], predict(small_model, tmp_path, tta=1, device="cpu")
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    request = PredictRequest(small_model, tmp_path, tta=1, device="cpu", workers=1)
    parts = predict_in_parts(request)
    first = next(parts)
    assert len(first) == 64
    assert len(read) <= 64 + 4 * 16
    pd.testing.assert_frame_equal(pd.concat([first, *parts], ignore_index=True), whole)
    assert whole["file"].tolist() == [str(file) for file in files]
    assert whole.index[whole["error"].notna()].tolist() == [70]


def test_embeddings_are_the_features_of_the_image_itself(
    small_model, small_ensemble, draw, tmp_path
):
    path, (_, transform) = draw(tmp_path / "a.png"), load_model(small_model)
    found = predict(small_model, path, embeddings=True, device="cpu")
    bundle = load_bundle(small_model)
    with torch.no_grad():
        x = normalise(transform(path)[None], bundle.encoder.mean, bundle.encoder.std)
        expected = bundle.encoder(x)
    np.testing.assert_allclose(found.filter(regex=r"^e_\d+$"), expected, atol=1e-6)
    assert found.columns[-3:].tolist() == ["e_127", "set", "error"]
    with pytest.raises(UserError, match=r"needs a single network, and .*/members/m0\."):
        predict(small_ensemble, path, embeddings=True, device="cpu")


def test_broken_files_are_rows_with_a_reason(run, tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    found = predict(run / "model", [tmp_path / "a.png", tmp_path / "b.png"], device="cpu")
    assert found["error"].fillna("").tolist() == ["", "empty file"]
    assert found["predicted"].isna().tolist() == [False, True]
    assert found.filter(like="p_").isna().all(axis=1).tolist() == [False, True]


def test_mistakes_are_sentences(run, tmp_path):
    (tmp_path / "x.png").touch()
    with pytest.raises(UserError, match="not a model bundle"):
        predict(tmp_path, tmp_path / "x.png")
    for option, name in (("tta", "--tta"), ("batch_size", "--batch-size")):
        with pytest.raises(UserError, match=f"{name} 0 must be 1 or more"):
            predict(run / "model", tmp_path / "x.png", **{option: 0})


def test_a_trained_model_adds_sets_and_distances(trained, phantoms, tmp_path):
    data, model = open_dataset(phantoms), trained / "model"
    table = predict(model, phantoms, group="group", batch_size=33, device="cpu")
    answers = Predictor(model, make_fabric("fp32", "cpu")).answer(np.array(data.images))
    assert table["file"].tolist() == data.table["id"].tolist()
    assert table["group"].tolist() == data.table["group"].tolist()
    np.testing.assert_allclose(table.filter(like="p_"), answers.probabilities, atol=1e-5)
    np.testing.assert_allclose(table["distance"], answers.distance, atol=1e-5)
    assert table["unlike_training"].tolist() == answers.unlike.tolist()
    assert table["set"].tolist() == names_of(answers.sets, data.classes)
    assert [*table.columns[-4:]] == ["set", "unlike_training", "distance", "error"]
    (tmp_path / "broken.png").touch()
    row = predict(model, tmp_path / "broken.png", device="cpu").loc[0]
    assert row.drop(["file", "error"]).isna().all()
    by_class = predict(model, phantoms, sets_by_class=True, device="cpu")
    assert by_class["set"].tolist() != table["set"].tolist()


@pytest.mark.parametrize("batch_size", [1, 5, 16, 1000])
def test_the_batch_size_changes_nothing_but_the_parts(small_model, phantoms, batch_size):
    request = PredictRequest(small_model, phantoms, tta=1, device="cpu", batch_size=batch_size)
    parts = [*predict_in_parts(request)]
    assert max(map(len, parts)) <= batch_size
    whole = predict(small_model, phantoms, tta=1, device="cpu")
    together = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(together, whole, atol=1e-6)
