import numpy as np
import pandas as pd
import pytest
import torch

from twinlens.errors import UserError
from twinlens.exporting import export as module
from twinlens.exporting.export import export
from twinlens.exporting.onnx_file import onnx_runner, read_metadata
from twinlens.inference.prediction_sets import names_of, sets_of
from twinlens.models.load_model import load_model
from twinlens.records.bundle import PredictionSets

IMAGES = torch.rand(7, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def _expected(folder):
    with torch.inference_mode():
        return load_model(folder)[0](IMAGES)


@pytest.mark.parametrize("count", [1, 7])
def test_onnx_gives_the_probabilities_of_torch_for_any_number_of_images(
    small_model, onnx_file, count
):
    found = onnx_runner(onnx_file)(IMAGES[:count])
    torch.testing.assert_close(found, _expected(small_model)[:count], atol=1e-5, rtol=0)


def test_python_command_line_and_onnx_agree(small_model, onnx_file, command_line, draw, tmp_path):
    files = [draw(tmp_path / f"{number}.png", number, (90, 70)) for number in range(4)]
    plain, transform = load_model(small_model)
    images = torch.stack([*map(transform, files)])
    with torch.inference_mode():
        expected = plain(images).numpy()
    table = tmp_path / "table.parquet"
    command_line("predict", small_model, *files, "--tta", 1, "--device", "cpu", "--out", table)
    found = pd.read_parquet(table)
    thresholds = PredictionSets.parse_text(read_metadata(onnx_file)["prediction_sets"], "")
    by_onnx = onnx_runner(onnx_file)(images).numpy()
    for p in (by_onnx, found.filter(like="p_").to_numpy()):
        np.testing.assert_allclose(p, expected, atol=1e-5)
    sets = names_of(sets_of(thresholds, plain.classes, by_onnx), plain.classes)
    assert [[*names] for names in found["set"]] == sets


def test_an_ensemble_is_one_graph(small_ensemble, tmp_path):
    pytest.importorskip("onnxscript")
    written = export(small_ensemble, tmp_path / "both.onnx")
    assert written.difference < 1e-5
    assert (written.images, written.views) == (8, 3)
    found = onnx_runner(tmp_path / "both.onnx")(IMAGES)
    torch.testing.assert_close(found, _expected(small_ensemble), atol=1e-5, rtol=0)


def test_torch_export_needs_no_code_of_ours(small_model, tmp_path):
    written = export(small_model, tmp_path / "model.pt2", format="torch")
    assert written.difference < 1e-5
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    torch.testing.assert_close(loaded(IMAGES), _expected(small_model), atol=1e-5, rtol=0)
    with pytest.raises(UserError, match="exists already: choose another --out"):
        export(small_model, tmp_path / "model.pt2", format="torch")


@pytest.mark.parametrize("wrong", [2e-3, np.nan])
def test_a_file_that_differs_is_refused_and_not_left(small_model, tmp_path, monkeypatch, wrong):
    monkeypatch.setattr(
        module, "_torch_runner", lambda _: lambda x: load_model(small_model)[0](x) + wrong
    )
    with pytest.raises(
        UserError, match=r"differs from torch by (2.0e-03|nan) .* nothing was written"
    ):
        export(small_model, tmp_path / "model.pt2", format="torch")
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_exported_is_said(small_model, tmp_path, monkeypatch):
    def depends_on_values(self, images):
        return images.mean((2, 3)) if images.sum() > 0 else images.sum((2, 3))

    monkeypatch.setattr("twinlens.models.load_model.Model.forward", depends_on_values)
    with pytest.raises(UserError, match=r"torch\.export cannot export this network"):
        export(small_model, tmp_path / "model.pt2", format="torch")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"out": "model.pt2"}, r"must end in \.onnx with --format onnx"),
        ({"format": "torch"}, r"must end in \.pt2 with --format torch"),
        ({"out": "m.pt2", "format": "torch", "int8": "data"}, "--int8 goes with --format onnx"),
    ],
)
def test_mistakes_are_sentences(small_model, tmp_path, changes, words):
    options = {"out": "model.onnx"} | changes
    with pytest.raises(UserError, match=words):
        export(small_model, tmp_path / options.pop("out"), **options)
    assert not list(tmp_path.iterdir())
