"""Our residual networks against timm's, and timm's networks as our encoders."""

from pathlib import Path

import pytest
import torch
from torch import nn

from twinlens.models.encoders import build_encoder
from twinlens.models.weights import load_weights

pytestmark = pytest.mark.peers

LITE0 = Path(__file__).parents[3] / "shared" / "weights" / "tf_efficientnet_lite0_timm.pth"


@pytest.fixture(params=["resnet18", "resnet34", "resnet50"])
def pair(timm, request) -> tuple[nn.Module, nn.Module]:
    """Our network and timm's with the same weights and BatchNorm statistics, in eval mode."""
    ours = build_encoder(request.param, seed=0)
    with torch.no_grad():
        ours(rand(8, 3, 64, 64, seed=1))  # in train mode: moves BatchNorm's statistics
    theirs = timm.create_model(request.param, pretrained=False, num_classes=0)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours.eval(), theirs.eval()


def test_resnets_give_timms_features(pair):
    images = rand(2, 3, 96, 96, seed=2)
    with torch.no_grad():
        ours, theirs = (network(images) for network in pair)
    tolerance = 1e-4 * min(1.0, theirs.std().item())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def test_resnets_give_timms_gradients(pair):
    """In float64: in float32 a ReLU input within rounding of 0 may open in one alone."""
    images = rand(2, 3, 96, 96, seed=2).double()
    direction = rand(2, pair[0].feature_dim, seed=3).double()
    for network in pair:
        (network.double()(images) * direction).sum().backward()
    ours, theirs = ({k: p.grad for k, p in network.named_parameters()} for network in pair)
    assert len(ours) == len(theirs)
    for key, gradient in theirs.items():
        scale = gradient.abs().max()
        difference = (ours[f"network.{key}"] - gradient).abs().max()
        assert difference <= 1e-9 * scale, (key, difference / scale)


def rand(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "name",
    [
        "resnet18.a1_in1k",
        "tf_efficientnet_lite0",
        "mobilenetv3_small_050",  # has a layer between pooling and classifier
        "convnext_atto",  # keeps a norm under "head."
        "vit_tiny_patch16_224",
    ],
)
def test_timms_networks_keep_the_contract_of_encoders(timm, name):
    encoder = build_encoder(f"timm/{name}", seed=0)
    expected = timm.create_model(name, pretrained=False, num_classes=0)
    assert list(encoder.state_dict()) == list(expected.state_dict())
    assert encoder.default_size == expected.pretrained_cfg["input_size"][-1]
    assert encoder.mean == expected.pretrained_cfg["mean"]
    assert encoder.std == expected.pretrained_cfg["std"]
    features = encoder(rand(2, 3, encoder.default_size, encoder.default_size, seed=0))
    assert features.shape == (2, encoder.feature_dim)
    features.sum().backward()
    again = build_encoder(f"timm/{name}", seed=0)
    for first, second in zip(encoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.real
@pytest.mark.skipif(not LITE0.exists(), reason=f"{LITE0} is missing")
def test_published_weights_of_timm_load_and_predict(timm):
    encoder = build_encoder("timm/tf_efficientnet_lite0", seed=0).eval()
    assert (encoder.feature_dim, encoder.default_size) == (1280, 224)
    assert encoder.mean == encoder.std == (0.5, 0.5, 0.5)
    report = load_weights(encoder, LITE0)
    assert sorted(report.dropped) == ["classifier.bias", "classifier.weight"]
    assert report.matched == len(encoder.state_dict())
    state = torch.load(LITE0, weights_only=True)
    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    whole.load_state_dict(state)
    images = rand(2, 3, 224, 224, seed=0) * 2 - 1
    with torch.no_grad():
        logits = encoder(images) @ state["classifier.weight"].T + state["classifier.bias"]
        torch.testing.assert_close(logits, whole(images), rtol=0, atol=1e-4)


def test_another_size_leaves_the_own_one_as_it_is(timm):
    images = rand(2, 3, 224, 224, seed=0)
    ours = build_encoder("timm/vit_tiny_patch16_224", seed=0).eval()
    theirs = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).eval()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("name", ["repvgg_a0", "fastvit_t8"])
def test_networks_that_crashed_in_onednn_train(timm, name):
    encoder = build_encoder(f"timm/{name}", seed=0)
    images = rand(8, 3, 64, 64, seed=0).contiguous(memory_format=torch.channels_last)
    encoder(images).sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)
