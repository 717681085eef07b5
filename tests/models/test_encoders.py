"""The contract that every entry of ENCODERS keeps, and what unknown names say."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from twinlens.errors import UserError
from twinlens.models.encoders import ENCODERS, Encoder, EncoderSpec, build_encoder, check_size

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


_CRASH = """
import torch
from torch import nn
from twinlens.models.encoders import ENCODERS, EncoderSpec, build_encoder

def narrow():
    return nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

ENCODERS["narrow"] = EncoderSpec(narrow, feature_dim=8)
encoder = build_encoder("narrow", seed=0)
images = torch.rand(16, 3, 224, 224).contiguous(memory_format=torch.channels_last)
encoder(images).sum().backward()
got = encoder.network[0].weight.grad
expected = images[:, :, ::2, ::2].mean(dim=(2, 3)).sum(dim=0)
assert torch.allclose(got[0, :, 0, 0], expected, rtol=1e-4), (got[0], expected)
"""


def test_a_strided_pointwise_convolution_of_few_channels_does_not_crash():
    """It did, in one thread, on processors with AVX2 and AVX-512: oneDNN#6035."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", _CRASH], env=one_thread, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("layer", "narrow"),
    [
        (nn.Conv2d(3, 8, 1, stride=2), True),
        (nn.Conv2d(12, 8, 1, stride=(1, 2)), True),
        (nn.Conv2d(16, 8, 1, stride=2), False),
        (nn.Conv2d(3, 8, 1), False),
        (nn.Conv2d(3, 8, 3, stride=2), False),
    ],
)
def test_only_such_convolutions_are_computed_in_the_contiguous_format(layer, narrow, monkeypatch):
    monkeypatch.setitem(ENCODERS, "one", EncoderSpec(lambda: layer, feature_dim=8))
    encoder, seen = build_encoder("one", seed=0), []
    layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    x = torch.rand(2, layer.in_channels, 16, 16).contiguous(memory_format=torch.channels_last)
    assert encoder.network(x).is_contiguous() == narrow
    assert seen == [narrow]


@pytest.mark.parametrize("layer", [{"kernel_size": 3}, {"kernel_size": 5}, {"groups": 32}])
def test_the_gradient_in_bf16_of_maps_of_one_column_is_that_in_fp32(layer, monkeypatch):
    """It was what is left in memory, on processors with AVX-512 and without bf16."""
    options = {"kernel_size": 3, "stride": 2, "bias": False} | layer
    plain = nn.Conv2d(32, 32, padding=options["kernel_size"] // 2, **options)
    monkeypatch.setitem(ENCODERS, "one", EncoderSpec(lambda: plain, feature_dim=32))
    encoder = build_encoder("one", seed=0)
    for seed in range(5):
        x = torch.randn(32, 32, 2, 1, generator=torch.Generator().manual_seed(seed))
        x = x.contiguous(memory_format=torch.channels_last)
        del [torch.full((1 << 16,), 3e38) for _ in range(20)][:]  # what is left in memory
        gradients = []
        for bf16 in (False, True):
            encoder.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                y = encoder.network(x)
            y.float().square().sum().backward()
            gradients.append(plain.weight.grad.clone())
        exact, found = gradients
        assert (found - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("height", [1, 2, 5])
def test_a_column_of_zeros_changes_no_output(height, monkeypatch):
    layer = nn.Conv2d(4, 8, 3, stride=2, padding=1)
    monkeypatch.setitem(ENCODERS, "one", EncoderSpec(lambda: layer, feature_dim=8))
    encoder, x = build_encoder("one", seed=0), torch.rand(2, 4, height, 1)
    expected = nn.functional.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)
    torch.testing.assert_close(encoder.network(x), expected)


@pytest.mark.parametrize("name", ["resnet18_quarter", "timm/test_vit", "timm/test_convnext"])
def test_stochastic_depth_leaves_initial_weights_and_evaluation_as_they_are(name):
    images = torch.rand(4, 3, 160, 160)
    plain, deep = (build_encoder(name, 0, drop_path=rate) for rate in (0.0, 0.5))
    assert torch.equal(plain.eval()(images), deep.eval()(images))
    torch.manual_seed(0)
    first = deep.train()(images)
    assert not torch.equal(first, deep(images))


@pytest.mark.parametrize("name", ["tiny", "timm/vgg11"])
def test_stochastic_depth_needs_residual_blocks(tiny, name):
    with torch.device("meta"), pytest.raises(UserError, match=f"{name} has no stochastic depth"):
        build_encoder(name, seed=0, drop_path=0.1)


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(UserError, match=r"Did you mean 'resnet18'.*resnet34.*timm/NAME"):
        build_encoder("resnet81", seed=0)


def test_timm_above_a_broken_library_names_that_library(monkeypatch, tmp_path):
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(UserError, match=r"'timm' is installed, but .*torchvision::nms is missing"):
        build_encoder("timm/resnet18", seed=0)


def test_a_network_of_timm_without_its_prefix_is_said():
    pytest.importorskip("timm")
    with pytest.raises(UserError, match=r"one of timm's: name it timm/efficientnet_b0:64"):
        build_encoder("efficientnet_b0:64", 0)
