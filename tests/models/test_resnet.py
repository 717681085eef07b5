"""Architecture and names against a second, functional writing of He et al.'s network."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from twinlens.models.resnet import (
    Bottleneck,
    ResNet,
    drop_path,
    resnet18,
    resnet18_quarter,
    resnet34,
    resnet50,
    resnet50x2,
    resnet200x2,
)

BUILDERS = {"resnet18": resnet18, "resnet34": resnet34, "resnet50": resnet50}
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}


def reference(state: dict[str, Tensor], x: Tensor, depths: tuple[int, ...]) -> Tensor:
    """Evaluate a ResNet from torchvision's names alone."""

    def conv(key: str, x: Tensor, stride: int) -> Tensor:
        weight = state[f"{key}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(key: str, x: Tensor) -> Tensor:
        names = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{key}.{name}"] for name in names))

    def block(key: str, x: Tensor, stride: int) -> Tensor:
        bottleneck = f"{key}.conv3.weight" in state
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        out = x
        for number, step in enumerate(strides, 1):
            out = norm(f"{key}.bn{number}", conv(f"{key}.conv{number}", out, step))
            out = F.relu(out) if number < len(strides) else out
        if f"{key}.downsample.0.weight" in state:
            x = norm(f"{key}.downsample.1", conv(f"{key}.downsample.0", x, stride))
        return F.relu(out + x)

    x = F.max_pool2d(F.relu(norm("bn1", conv("conv1", x, 2))), 3, 2, 1)
    for stage, depth in enumerate(depths, 1):
        for index in range(depth):
            x = block(f"layer{stage}.{index}", x, 2 if stage > 1 and index == 0 else 1)
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


@pytest.mark.parametrize("name", BUILDERS)
def test_equals_the_functional_reference(name):
    network = BUILDERS[name]().double()
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.data.uniform_(0.5, 1.0, generator=generator)
            for tensor in (module.bias, module.running_mean):
                tensor.data.uniform_(-0.1, 0.1, generator=generator)
    images = torch.rand(2, 3, 40, 56, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        features = network.eval()(images)
        expected = reference(network.state_dict(), images, DEPTHS[name])
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize(
    ("name", "parameters", "entries"),
    # torchvision's counts less its fc layer of 1,000 classes
    [("resnet18", 11_176_512, 120), ("resnet34", 21_284_672, 216), ("resnet50", 23_508_032, 318)],
)
def test_has_torchvisions_size_and_names(name, parameters, entries):
    network = BUILDERS[name]()
    state = network.state_dict()
    assert sum(tensor.numel() for tensor in network.parameters()) == parameters
    assert len(state) == entries
    assert {"conv1.weight", "bn1.running_var", "layer4.1.bn2.num_batches_tracked"} <= state.keys()
    assert {"layer2.0.downsample.0.weight", "layer2.0.downsample.1.bias"} <= state.keys()
    assert ("layer1.0.downsample.0.weight" in state) == (name == "resnet50")


@pytest.mark.parametrize("width", [2, 0.25])
def test_width_multiplies_every_channel(width):
    plain = ResNet(Bottleneck, (1, 1, 1, 1)).state_dict()
    scaled = ResNet(Bottleneck, (1, 1, 1, 1), width=width).state_dict()
    assert plain.keys() == scaled.keys()
    for key, tensor in plain.items():
        assert scaled[key].shape[:1] == tuple(width * size for size in tensor.shape[:1])
    assert scaled["layer4.0.conv3.weight"].shape == (2048 * width, 512 * width, 1, 1)


@pytest.mark.parametrize(
    ("build", "depths", "millions"),
    # VICReg's table of models says 93 and 250 million
    [(resnet50x2, (3, 4, 6, 3), 93.9), (resnet200x2, (3, 24, 36, 3), 250.1)],
)
def test_wide_networks_have_the_published_size(build, depths, millions):
    with torch.device("meta"):
        network = build()
    parameters = sum(tensor.numel() for tensor in network.parameters())
    assert parameters == wide_bottleneck_parameters(depths)
    assert parameters / 1e6 == pytest.approx(millions, abs=0.05)
    assert network.layer4[-1].conv3.weight.shape == (4096, 1024, 1, 1)


def wide_bottleneck_parameters(depths: tuple[int, ...]) -> int:
    """Count from the architecture's definition alone; a BatchNorm has two numbers a channel."""
    total, inputs = 3 * 128 * 7 * 7 + 2 * 128, 128
    for stage, depth in enumerate(depths):
        inner = 128 * 2**stage
        outputs = 4 * inner
        total += inputs * outputs + 2 * outputs  # the first block's projection
        for _ in range(depth):
            total += inputs * inner + 9 * inner * inner + inner * outputs
            total += 2 * (inner + inner + outputs)
            inputs = outputs
    return total


def test_width_2_equals_the_functional_reference(monkeypatch):
    monkeypatch.setitem(BUILDERS, "wide", lambda: ResNet(Bottleneck, (1, 1, 1, 1), width=2))
    monkeypatch.setitem(DEPTHS, "wide", (1, 1, 1, 1))
    test_equals_the_functional_reference("wide")


def test_convolutions_start_from_kaimings_fan_out():
    for module in resnet18().layer4.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.02)
            assert abs(module.weight.mean().item()) < 1e-3


def test_stochastic_depth_is_torchvisions():
    ops = pytest.importorskip("torchvision").ops
    residual = torch.randn(64, 3, 2, 2, dtype=torch.float64, generator=torch.Generator())
    torch.manual_seed(0)
    ours = drop_path(residual, 0.3, training=True)
    torch.manual_seed(0)
    theirs = ops.stochastic_depth(residual, 0.3, mode="row", training=True)
    torch.testing.assert_close(ours, theirs)
    assert 0 < (ours == 0).all(dim=(1, 2, 3)).sum() < 64
    assert drop_path(residual, 0.3, training=False) is residual
    assert drop_path(residual, 0.0, training=True) is residual


def test_stochastic_depth_grows_linearly_and_is_off_in_evaluation():
    network = resnet18_quarter()
    images = torch.rand(4, 3, 32, 32)
    plain = network.eval()(images)
    network.set_drop_path(0.7)
    rates = [network.get_submodule(f"layer{s}.{i}").drop_path for s in range(1, 5) for i in (0, 1)]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert torch.equal(network(images), plain)
    network.set_drop_path(0.999)
    network.train()(images).sum().backward()
    assert network.layer4[0].downsample[0].weight.grad.abs().sum() > 0  # shortcuts stay
