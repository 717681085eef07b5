import numpy as np
import pytest
import torch

from twinlens.auditing.features import features_of
from twinlens.data.batches import reader
from twinlens.errors import UserError
from twinlens.finetuning.initial_encoder import pretrained_encoder
from twinlens.importing.import_images import import_images
from twinlens.inference.predict import embed
from twinlens.models.encoders import build_encoder
from twinlens.models.weights import save_tensors

ALONE = {"encoder": None, "weights": "random", "pretrained": (), "device": "cpu"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return import_images("phantom:6", tmp_path_factory.mktemp("few") / "data", size=32, workers=1)


def test_without_an_encoder_there_are_no_features(few):
    assert features_of(few, **ALONE) == (None, None)


def test_a_table_alone_has_no_features(dataset_of, tmp_path, pretrained):
    table = dataset_of(tmp_path / "data", ["x", "y"])
    assert features_of(table, **ALONE | {"pretrained": [pretrained[1]]}) == (None, None)
    with pytest.raises(UserError, match="holds no images for --encoder resnet18"):
        features_of(table, **ALONE | {"encoder": "resnet18", "weights": "mine.pth"})


def test_the_first_pretrained_encoder_computes_the_features_of_every_image(few, pretrained):
    _, run = pretrained
    options = ALONE | {"pretrained": [run, "not looked at"]}
    features, source = features_of(few, **options, batch_size=4)
    assert source == str(run)
    assert features.shape == (6, 512)
    rows = np.arange(6)
    read = reader(few.images, rows, torch.device("cpu"))
    expected = embed(pretrained_encoder(run)[0], read, rows, size=32, batch_size=6)
    correlation = np.corrcoef(np.concatenate([features, expected]))[:6, 6:]
    assert (correlation.diagonal() > 0.999).all()  # they may have been computed in bfloat16
    np.testing.assert_array_equal(correlation.argmax(axis=1), rows)


def test_a_named_encoder_comes_before_that_of_a_pretraining(few, pretrained, tmp_path):
    weights = tmp_path / "mine.safetensors"
    save_tensors(weights, build_encoder("resnet18", seed=1).state_dict())
    options = ALONE | {"encoder": "resnet18", "weights": str(weights)}
    features, source = features_of(few, **options | {"pretrained": [pretrained[1]]})
    assert source == f"resnet18, weights {weights}"
    others, _ = features_of(few, **ALONE | {"pretrained": [pretrained[1]]})
    assert features.shape == (6, 512)
    assert not np.allclose(features, others, rtol=0.1)


def test_weights_need_an_encoder_and_an_encoder_weights(few):
    with pytest.raises(UserError, match=r"--weights mine\.pth needs --encoder"):
        features_of(few, **ALONE | {"weights": "mine.pth"})
    with pytest.raises(UserError, match="--encoder resnet18 needs --weights"):
        features_of(few, **ALONE | {"encoder": "resnet18"})
    with pytest.raises(UserError, match="Unknown encoder 'resnet19'"):
        features_of(few, **ALONE | {"encoder": "resnet19", "weights": "mine.pth"})
