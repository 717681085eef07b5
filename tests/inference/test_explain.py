import sys

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from twinlens.errors import UserError
from twinlens.inference.explain import grad_cam
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.heads import classifier
from twinlens.views.view import normalise

pytest.importorskip("captum")


def images(count, size=32):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def as_encoder(network, features):
    return Encoder("tiny", network, feature_dim=features, mean=(0.5,) * 3, std=(0.2,) * 3,
                   default_size=32)  # fmt: skip


def test_it_is_grad_cam_of_the_last_stage_of_a_residual_network():
    """Weights are the gradients' means over places, equation 1; their sum is rectified, 2."""
    encoder, head = build_encoder("resnet18_quarter", 0), classifier(128, 3, 0)
    x, classes = images(4, 64), torch.tensor([0, 1, 2, 1])
    found = grad_cam(encoder, head, x, classes)
    encoder.eval()
    network = encoder.network
    z = normalise(x, encoder.mean, encoder.std)
    maps = network.layer4(network.layer3(network.layer2(network.layer1(
        network.maxpool(network.bn1(network.conv1(z)).relu())))))  # fmt: skip
    maps.retain_grad()
    head(maps.mean(dim=(2, 3)))[range(4), classes].sum().backward()
    heat = (maps.grad.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu()
    heat = interpolate(heat, (64, 64), mode="bilinear", align_corners=False)[:, 0]
    heat = heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(found, heat.detach(), atol=1e-5, rtol=1e-4)
    assert found.shape == x[:, 0].shape


def bright_spots(row, column):
    """Return an image with one bright square, on a grid of 4 x 4."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1
    return image


def test_the_place_that_decides_is_found():
    network = nn.Sequential(
        nn.Conv2d(3, 1, 8, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    nn.init.ones_(network[0].weight)
    nn.init.zeros_(network[0].bias)
    head = nn.Linear(1, 2)
    head.weight.data = torch.tensor([[1.0], [-1.0]])
    x = torch.cat([bright_spots(0, 3), bright_spots(2, 1)])
    heat = grad_cam(as_encoder(network, 1), head, x, torch.tensor([0, 0]))
    for each, (row, column) in zip(heat, [(0, 3), (2, 1)], strict=True):
        assert divmod(int(each.argmax()), 32)[0] // 8 == row
        assert divmod(int(each.argmax()), 32)[1] // 8 == column
    against = grad_cam(as_encoder(network, 1), head, x, torch.tensor([1, 1]))
    assert not against.any()  # nothing speaks for the class


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_the_patch_that_decides_is_found_by_a_vision_transformer(pool):
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.models.VisionTransformer(
            img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=0,
            global_pool=pool,
        )  # fmt: skip
        head = nn.Linear(32, 2)
    encoder, x = as_encoder(network, 32), images(3)
    heat = grad_cam(encoder, head, x, torch.tensor([0, 1, 0]))
    assert heat.shape == (3, 32, 32)
    assert heat.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1])
    tokens = []
    handle = network.blocks[-1].norm1.register_forward_hook(lambda *args: tokens.append(args[2]))
    logits = head(encoder.eval()(normalise(x, encoder.mean, encoder.std)))
    handle.remove()
    (grad,) = torch.autograd.grad(logits[[0, 1, 2], [0, 1, 0]].sum(), tokens[0])
    grid = (grad * tokens[0]).sum(dim=2)[:, 1:].reshape(3, 1, 4, 4).relu()
    expected = interpolate(grid, (32, 32), mode="bilinear", align_corners=False)[:, 0].detach()
    torch.testing.assert_close(heat, expected / expected.amax(dim=(1, 2), keepdim=True))


def test_modes_and_gradients_are_left_as_they_were():
    encoder, head = build_encoder("resnet18_quarter", 0), classifier(128, 3, 0)
    with torch.no_grad():
        grad_cam(encoder, head, images(2), torch.tensor([0, 1]))
    assert encoder.training
    assert all(p.grad is None for p in encoder.parameters())
    assert not any(m._forward_hooks for m in encoder.modules())


def test_what_cannot_be_explained_is_refused(monkeypatch):
    flat = as_encoder(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)), 2)
    with pytest.raises(UserError, match="no feature maps"):
        grad_cam(flat, nn.Linear(2, 2), images(1), torch.tensor([0]))
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"pip install 'twinlens\[explain\]'"):
        grad_cam(flat, nn.Linear(2, 2), images(1), torch.tensor([0]))
