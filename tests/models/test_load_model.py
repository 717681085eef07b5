import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import twinlens
from twinlens.errors import UserError
from twinlens.inference.predict_files import predict
from twinlens.models.bundle import load_bundle, save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.ensemble import write_ensemble
from twinlens.models.heads import classifier
from twinlens.records.weights import Normalisation

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


@pytest.fixture
def make_model(tiny, make_info, tmp_path):
    """A function that writes a bundle and returns its folder."""

    def make(name="model", seed=0, **changes):
        encoder, normalisation = build_encoder(tiny, seed=seed), Normalisation(mean=MEAN, std=STD)
        head = classifier(encoder.feature_dim, 2, seed=seed)
        nn.init.normal_(head.weight, std=3, generator=torch.Generator().manual_seed(seed))
        fields = {"normalisation": normalisation, "temperature": 2.5, "precision": "fp32"}
        save_bundle(tmp_path / name, encoder, head, make_info(**fields | changes))
        return tmp_path / name

    return make


def test_it_divides_the_logits_by_the_temperature(make_model):
    model, _ = twinlens.load_model(make_model())
    assert isinstance(model, nn.Module)
    assert not model.training
    assert (model.classes, model.size, model.temperature) == (("MEL", "NV"), 64, 2.5)
    bundle, images = load_bundle(make_model()), torch.rand(3, 3, 64, 64)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    expected = (bundle.head(bundle.encoder((images - mean) / std)) / 2.5).softmax(dim=1)
    torch.testing.assert_close(model(images), expected, atol=1e-6, rtol=0)
    assert model(images[:0]).shape == (0, 2)


@pytest.mark.parametrize("temperature", [None, 0.4])
def test_model_and_transform_predict_as_predict_does(make_model, tmp_path, draw, temperature):
    first, second = (make_model(f"m{seed}", seed) for seed in (0, 1))
    ensemble = tmp_path / "ensemble"
    ensemble.mkdir()
    write_ensemble(ensemble, {"a": first, "b": second}, temperature=temperature)
    photo = draw(tmp_path / "photo.png", size=(90, 70))
    for folder in (first, ensemble):
        model, transform = twinlens.load_model(folder)
        found = predict(folder, photo, tta=1, device="cpu").filter(like="p_").to_numpy()
        with torch.no_grad():
            ours = model(torch.stack([transform(photo), transform(Image.open(photo))]))
        np.testing.assert_allclose(ours, found.repeat(2, axis=0), atol=1e-6)


def test_an_image_of_pillow_is_turned_and_flattened_like_its_file(make_model, tmp_path, pixels):
    _, transform = twinlens.load_model(make_model())
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=turned, quality=100)
    Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(tmp_path / "clear.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    for path in tmp_path.glob("*.???"):
        opened = transform(Image.open(path))
        assert torch.equal(opened, transform(str(path)))
        assert opened.shape == (3, 64, 64)
        assert 0 <= opened.min() < opened.max() <= 1


def test_mistakes_are_sentences(make_model, tmp_path):
    _, transform = twinlens.load_model(make_model())
    (tmp_path / "empty.png").touch()
    with pytest.raises(UserError, match=r"empty\.png cannot be used: empty file\."):
        transform(tmp_path / "empty.png")
    with pytest.raises(UserError, match=r"cannot be used: smaller than 8 pixels \(5x9\)\."):
        transform(Image.new("RGB", (5, 9)))
    with pytest.raises(UserError, match="not a model bundle"):
        twinlens.load_model(tmp_path)
