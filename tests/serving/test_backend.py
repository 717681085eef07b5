import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import twinlens
from twinlens.errors import UserError
from twinlens.importing.decode import square
from twinlens.phantom.generate import phantom_image
from twinlens.serving.backend import open_backend


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for lesion in range(5):
        pixels = phantom_image(0, lesion, 0, size=64)[:, : 40 + 6 * lesion]
        Image.fromarray(pixels).save(folder / f"{lesion}.png")
    large = Image.fromarray(phantom_image(0, 5, 0, size=64)).resize((400, 300))
    large.save(folder / "large.jpg")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("kind", ["bundle", "onnx"])
def test_http_python_and_the_command_line_give_the_same(
    client, small_model, onnx_file, photos, command_line, tmp_path, kind
):
    model, transform = twinlens.load_model(small_model)
    with torch.inference_mode():
        expected = model(torch.stack([transform(path) for path in photos])).numpy()
    served = client(open_backend(small_model if kind == "bundle" else onnx_file, "cpu", tta=1))
    files = [("images", path.read_bytes()) for path in photos]
    answers = served.post("/predict", files=files).json()["answers"]
    for row, answer in zip(expected, answers, strict=True):
        by_class = {each["name"]: each["probability"] for each in answer["classes"]}
        np.testing.assert_allclose([by_class[name] for name in model.classes], row, atol=1e-5)
    if kind == "bundle":
        out = tmp_path / "table.csv"
        command_line("predict", small_model, *photos, "--tta", 1, "--out", out, "--device", "cpu")
        table = pd.read_csv(out).filter(like="p_").to_numpy()
        np.testing.assert_allclose(table, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["small_model", "small_ensemble", "onnx_file"])
def test_a_model_says_what_it_is(request, kind):
    about = open_backend(request.getfixturevalue(kind), "cpu").about
    assert [each.name for each in about.classes] == ["MEL", "NV", "BCC"]
    assert about.classes[0].title == "Melanoma"
    assert about.classes[0].group == "malignant"
    assert about.classes[1].title == "NV"
    assert (about.size, about.training_data) == (32, "d")
    assert about.temperature == (0.8 if kind == "small_ensemble" else 1.7)
    assert about.grad_cam == (kind != "onnx_file")
    assert about.limits.startswith("Not a medical device, ")


def test_grad_cam_is_that_of_the_class(client, small_model, photos):
    pytest.importorskip("captum")
    backend = open_backend(small_model, "cpu")
    pixels = square(Image.open(photos[0]).convert("RGB"), 32)
    first, second = (backend.heat(pixels, label) for label in (0, 1))
    assert first.shape == (32, 32)
    assert first.min() >= 0
    assert first.max() <= 1
    assert not np.allclose(first, second)
    files = {"images": photos[0].read_bytes()}
    answer = client(backend).post("/predict?grad_cam=true", files=files).json()["answers"][0]
    assert answer["grad_cam"].startswith("data:image/png")


def test_what_is_no_model_is_refused(tmp_path, draw):
    with pytest.raises(UserError, match="neither the folder of a model"):
        open_backend(draw(tmp_path / "a.png"), "cpu")
    with pytest.raises(UserError, match="not a model bundle"):
        open_backend(tmp_path, "cpu")
    with pytest.raises(UserError, match="has no test-time augmentation"):
        open_backend(tmp_path / "m.onnx", "cpu", tta=3)
