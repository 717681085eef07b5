import numpy as np
import pytest
import torch

from twinlens.auditing.features import features_of
from twinlens.data.batches import reader
from twinlens.data.importing import import_images
from twinlens.errors import UserError
from twinlens.evaluation.predict import embed
from twinlens.finetuning.start import pretrained_encoder

ALONE = {"encoder": None, "weights": "random", "pretrained": (), "device": "cpu"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return import_images("phantom:6", tmp_path_factory.mktemp("few") / "data", size=32, workers=1)


def test_without_an_encoder_there_are_no_features(few):
    assert features_of(few, **ALONE) == (None, None)


def test_a_table_alone_has_no_features(dataset_of, tmp_path):
    table = dataset_of(tmp_path / "data", ["x", "y"])
    assert features_of(table, **ALONE | {"encoder": "resnet18"}) == (None, None)


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


def test_a_named_encoder_comes_before_that_of_a_pretraining(few, pretrained):
    options = ALONE | {"encoder": "resnet18", "pretrained": [pretrained[1]]}
    features, source = features_of(few, **options)
    assert source == "resnet18, weights random"
    others, _ = features_of(few, **ALONE | {"pretrained": [pretrained[1]]})
    assert features.shape == (6, 512)
    assert not np.allclose(features, others, rtol=0.1)


def test_weights_need_an_encoder(few):
    with pytest.raises(UserError, match=r"--weights mine\.pth needs --encoder"):
        features_of(few, **ALONE | {"weights": "mine.pth"})
    with pytest.raises(UserError, match="Unknown encoder 'resnet19'"):
        features_of(few, **ALONE | {"encoder": "resnet19"})
