import numpy as np
import pytest
import torch
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.inference import feature_cache
from twinlens.inference.predict_files import predict
from twinlens.models.encoders import build_encoder
from twinlens.requests.suggest import SuggestRequest
from twinlens.suggesting.embedding import embed_data_set


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "r18.pth"
    torch.save(build_encoder("resnet18_quarter", seed=1).state_dict(), path)
    return str(path)


def test_a_run_gives_the_probabilities_of_predict(trained, phantoms, draw, tmp_path):
    data = open_dataset(phantoms)
    found = embed_data_set(data, SuggestRequest(trained, phantoms, device="cpu"))
    Image.fromarray(data.images[7]).save(tmp_path / "7.png")
    expected = predict(trained / "model", tmp_path / "7.png", tta=1, device="cpu", workers=1)
    names = [f"p_{name}" for name in found.classes]
    np.testing.assert_allclose(found.probabilities[7], expected[names].iloc[0].tolist(), atol=1e-5)
    assert found.features.shape == (len(data.table), 128)


def test_features_of_an_encoder_are_kept(weights, phantoms, tmp_path, monkeypatch):
    data, kept = open_dataset(phantoms), tmp_path / "kept"
    request = SuggestRequest(
        "resnet18_quarter", phantoms, weights=weights, features=kept, device="cpu"
    )
    first = embed_data_set(data, request)
    assert first.probabilities is None
    assert len([*kept.glob("*.sqlite")]) == 1
    known = feature_cache._features

    def nothing_new(images, compute, store):
        return known(images, lambda _: pytest.fail("computed again"), store)

    monkeypatch.setattr(feature_cache, "_features", nothing_new)
    np.testing.assert_array_equal(embed_data_set(data, request).features, first.features)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("resnet18", "needs --weights"),
        ("nowhere", "There is no folder nowhere"),
        (".", "is not a model bundle"),
    ],
)
def test_what_is_neither_is_refused(phantoms, source, message):
    with pytest.raises(UserError, match=message):
        embed_data_set(open_dataset(phantoms), SuggestRequest(source, phantoms))
