import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.inference.predict_files import predict
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import classifier
from twinlens.models.load_model import load_model
from twinlens.models.pull import local_model


@pytest.fixture
def pulled(hub, tiny, make_info):
    folder = hub("me/model")
    save_bundle(folder, build_encoder(tiny, seed=0), classifier(4, 2, seed=0), make_info())
    return folder


def test_a_model_of_the_hub_is_used_like_a_folder(pulled, draw, tmp_path):
    assert local_model(pulled) == local_model("hf-hub:me/model") == pulled
    assert local_model("hf-hub:me/model@main") == pulled
    photo = draw(tmp_path / "a.png")
    (model, transform), expected = load_model("hf-hub:me/model"), load_model(pulled)[0]
    images = transform(photo)[None]
    assert torch.equal(model(images), expected(images))
    found = predict("hf-hub:me/model", photo, tta=1, device="cpu").filter(like="p_")
    np.testing.assert_allclose(found.to_numpy(), expected(images).detach(), atol=1e-6)


@pytest.mark.parametrize("name", ["hf-hub:me/other", "hf-hub:me/model@gone", "hf-hub:-bad-/x"])
def test_what_is_not_there_is_a_sentence(pulled, name):
    with pytest.raises(UserError, match=rf"{name} could not be downloaded: .*\.$"):
        local_model(name)
