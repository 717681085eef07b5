import sqlite3
from contextlib import closing

import pytest
import torch

from twinlens.engine.device import make_fabric
from twinlens.inference.feature_cache import feature_folder, remembering_features
from twinlens.models.encoders import build_encoder


@pytest.fixture
def folder(tmp_path):
    token = feature_folder.set(tmp_path / "features")
    yield tmp_path / "features"
    feature_folder.reset(token)


@pytest.fixture
def encoder():
    return build_encoder("resnet18_quarter", seed=0).eval()


@pytest.fixture
def computed(encoder):
    """The numbers of images of the passes through the network."""
    passes = []
    encoder.network.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
    return passes


def _images(n, seed=0):
    return torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def _with_memory(encoder, images, precision="fp32"):
    with remembering_features(encoder, make_fabric(precision, "cpu")):
        return encoder(images)


def test_only_images_that_are_new_are_computed(encoder, computed, folder):
    images = _images(6)
    with torch.inference_mode():
        expected = encoder(images)
    computed.clear()
    torch.testing.assert_close(_with_memory(encoder, images[:4]), expected[:4])
    torch.testing.assert_close(_with_memory(encoder, images.flip(0)), expected.flip(0))
    assert torch.equal(_with_memory(encoder, images[[2, 2]]), _with_memory(encoder, images)[[2, 2]])
    assert computed == [4, 2]
    twice = _images(1, seed=9).repeat(2, 1, 1, 1)
    assert torch.equal(*_with_memory(encoder, twice))


def test_what_determines_features_tells_them_apart(encoder, computed, folder):
    images = _images(2)
    _with_memory(encoder, images)
    _with_memory(encoder, images + 1e-3)
    _with_memory(encoder, images.roll(1, dims=3))
    _with_memory(encoder, images, "bf16")
    with torch.no_grad():
        encoder.network.conv1.weight[0, 0, 0, 0] += 0.1
    _with_memory(encoder, images)
    assert computed == [2] * 5


def test_features_in_low_precision_are_those_without_memory(encoder, folder):
    images, fabric = _images(3), make_fabric("bf16", "cpu")
    with torch.inference_mode(), fabric.autocast():
        expected = encoder(images).float()
        with remembering_features(encoder, fabric):
            first, again = encoder(images), encoder(images)
    torch.testing.assert_close(first, expected)
    assert torch.equal(first, again)


def test_without_a_folder_or_with_a_broken_file_features_are_computed(encoder, computed, folder):
    images = _images(2)
    expected = _with_memory(encoder, images)
    (file,) = folder.iterdir()
    file.write_bytes(b"not a database, though long enough to be taken for one" * 99)
    with closing(sqlite3.connect(file)) as store, pytest.raises(sqlite3.DatabaseError):
        store.execute("SELECT * FROM features")
    assert torch.equal(_with_memory(encoder, images), expected)
    token = feature_folder.set(None)
    assert torch.equal(_with_memory(encoder, images), expected)
    feature_folder.reset(token)
    assert computed == [2] * 3
    assert "forward" not in vars(encoder)
