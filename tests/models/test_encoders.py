"""The contract that every entry of ENCODERS keeps, and what unknown names say."""

import sys

import pytest
import torch
from torch import nn

from twinlens.errors import UserError
from twinlens.models.encoders import ENCODERS, Encoder, build_encoder, check_size

WIDE = ["resnet50x2", "resnet200x2"]  # gigabytes: they are built without memory


@pytest.fixture(scope="module", params=[name for name in ENCODERS if name not in WIDE])
def encoder(request) -> Encoder:
    return build_encoder(request.param, seed=0)


def test_forward_gives_features_and_backward_reaches_every_weight(encoder):
    features = encoder(torch.rand(2, 3, 64, 64))
    assert features.shape == (2, encoder.feature_dim)
    features.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    encoder.zero_grad()


@pytest.mark.parametrize("name", WIDE)
def test_wide_encoders_keep_the_contract_too(name):
    with torch.device("meta"):
        encoder = build_encoder(name, seed=0)
        assert encoder(torch.rand(2, 3, 64, 64)).shape == (2, encoder.feature_dim) == (2, 4096)
    test_knows_its_name_normalisation_and_size(encoder)
    test_state_dict_has_the_networks_own_names(encoder)


def test_a_size_that_an_encoder_cannot_take_is_a_sentence(tiny):
    encoder = build_encoder(tiny, seed=0)
    check_size(encoder.train(), 32)
    assert encoder.training
    encoder.network = nn.Unflatten(3, (224, 1))
    with pytest.raises(UserError, match=r"cannot take images of 32 pixels.*--size 224"):
        check_size(encoder, 32)


def test_knows_its_name_normalisation_and_size(encoder):
    assert encoder.name in ENCODERS
    assert encoder.default_size == 224
    assert encoder.mean == (0.485, 0.456, 0.406)
    assert encoder.std == (0.229, 0.224, 0.225)


def test_state_dict_has_the_networks_own_names(encoder):
    keys = list(encoder.state_dict())
    with torch.device("meta"):
        assert keys == list(ENCODERS[encoder.name].build().state_dict())
    assert keys[:2] == ["conv1.weight", "bn1.weight"]


def test_is_channels_last_and_takes_either_layout(encoder):
    encoder.eval()
    weight = encoder.state_dict()["layer1.0.conv2.weight"]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        plain = encoder(images)
        last = encoder(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, last)


def test_weights_depend_on_the_seed_alone(encoder):
    torch.rand(3)
    before = torch.get_rng_state()
    again = build_encoder(encoder.name, seed=0)
    assert torch.equal(before, torch.get_rng_state())
    for first, second in zip(encoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


def test_another_seed_gives_other_weights(tiny):
    first, second = (build_encoder(tiny, seed=seed).network.conv1.weight for seed in (0, 1))
    assert not torch.equal(first, second)


def test_names_and_loading_hold_inside_a_larger_module(tiny):
    def model(seed: int) -> nn.ModuleDict:
        encoder = build_encoder(tiny, seed=seed)
        return nn.ModuleDict({"encoder": encoder, "head": nn.Linear(4, 2)})

    first, second = model(0), model(1)
    state = first.state_dict()
    assert {"encoder.conv1.weight", "head.weight"} <= state.keys()
    second.load_state_dict(state)
    for key, tensor in second.state_dict().items():
        assert torch.equal(tensor, state[key]), key


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(UserError, match=r"Did you mean 'resnet18'.*resnet34.*timm/NAME"):
        build_encoder("resnet81", seed=0)


def test_timm_that_does_not_import_names_the_extra_and_the_reason(monkeypatch, tmp_path):
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(UserError, match=r"torchvision::nms is missing.*twinlens\[timm\]"):
        build_encoder("timm/resnet18", seed=0)
