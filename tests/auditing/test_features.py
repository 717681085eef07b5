import numpy as np
import pytest
import torch

from twinlens.auditing.features import compute_features
from twinlens.data.batches import reader
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images
from twinlens.inference.embed import embed
from twinlens.models.encoders import build_encoder
from twinlens.models.tensor_files import save_tensors
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.requests.audit import AuditRequest


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return import_images("phantom:6", tmp_path_factory.mktemp("few") / "data", size=32, workers=1)


def test_without_an_encoder_there_are_no_features(few):
    assert compute_features(few, AuditRequest(few.path, device="cpu")) == (None, None)


def test_a_table_alone_has_no_features(dataset_of, tmp_path, pretrained):
    table = dataset_of(tmp_path / "data", ["x", "y"])
    assert compute_features(table, AuditRequest(table.path, pretrained=pretrained[1:])) == (
        None,
        None,
    )
    with pytest.raises(UserError, match="has no images to compute features of"):
        compute_features(table, AuditRequest(table.path, encoder="resnet18", weights="mine.pth"))


def test_the_first_pretrained_encoder_computes_the_features_of_every_image(few, pretrained):
    _, run = pretrained
    request = AuditRequest(few.path, pretrained=(run, "ignored"), device="cpu")
    features, source = compute_features(few, request, batch_size=4)
    assert source == str(run)
    assert features.shape == (6, 128)
    rows = np.arange(6)
    read = reader(few.images, rows, torch.device("cpu"))
    expected = embed(pretrained_encoder(run)[0], read, rows, size=32, batch_size=6)
    correlation = np.corrcoef(np.concatenate([features, expected]))[:6, 6:]
    assert (correlation.diagonal() > 0.999).all()  # they may have been computed in bfloat16
    np.testing.assert_array_equal(correlation.argmax(axis=1), rows)


def test_a_named_encoder_comes_before_that_of_a_pretraining(few, pretrained, tmp_path):
    weights = tmp_path / "mine.safetensors"
    save_tensors(weights, build_encoder("resnet18_quarter", seed=1).state_dict())
    named = AuditRequest(
        few.path,
        encoder="resnet18_quarter",
        weights=str(weights),
        pretrained=pretrained[1:],
        device="cpu",
    )
    features, source = compute_features(few, named)
    assert source == f"resnet18_quarter, weights {weights}"
    others, _ = compute_features(
        few, AuditRequest(few.path, pretrained=pretrained[1:], device="cpu")
    )
    assert features.shape == (6, 128)
    assert not np.allclose(features, others, rtol=0.1)


@pytest.mark.parametrize(
    ("encoder", "weights", "message"),
    [
        (None, "mine.pth", r"--weights mine\.pth needs --encoder"),
        ("resnet18", "random", "--encoder resnet18 needs --weights"),
        ("resnet19", "mine.pth", "Unknown encoder 'resnet19'"),
    ],
)
def test_weights_need_an_encoder_and_an_encoder_weights(few, encoder, weights, message):
    with pytest.raises(UserError, match=message):
        compute_features(few, AuditRequest(few.path, encoder=encoder, weights=weights))
