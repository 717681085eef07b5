"""Residual networks under torchvision's state-dict names, so that published files load.

He et al. 2016, "Deep Residual Learning for Image Recognition"; the bottleneck's stride sits in
its 3x3 convolution, as in torchvision. There is no classifier: the output is pooled features.
Stochastic depth: Huang et al. 2016 (arXiv 1603.09382).
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from twinlens.types import Features, Images


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)


def _downsample(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return the shortcut of a block: a projection where the shape changes."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(_conv(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


def drop_path(residual: Tensor, rate: float, training: bool) -> Tensor:
    """Drop the residual of each image with probability `rate`, and scale up those that are kept.

    Args:
        residual: What a block adds to its shortcut, shape (batch, channels, h, w).
        rate: Below 1; at 0 the residual is returned as it is.
        training: In evaluation nothing is dropped.
    """
    if rate == 0 or not training:
        return residual
    kept = residual.new_empty((len(residual), 1, 1, 1)).bernoulli_(1 - rate)
    return residual * kept.div_(1 - rate)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet-18 and -34)."""

    expansion = 1
    drop_path = 0.0

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _downsample(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, h, w) to (batch, channels, h / stride, w / stride)."""
        out = relu(self.bn1(self.conv1(x)), inplace=True)
        out = drop_path(self.bn2(self.conv2(out)), self.drop_path, self.training)
        return relu(out + self.downsample(x), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut (ResNet-50 and deeper)."""

    expansion = 4
    drop_path = 0.0

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = _conv(in_channels, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = _conv(channels, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _downsample(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in_channels, h, w) to (batch, 4 * channels, h / stride, w / stride)."""
        out = relu(self.bn1(self.conv1(x)), inplace=True)
        out = relu(self.bn2(self.conv2(out)), inplace=True)
        out = drop_path(self.bn3(self.conv3(out)), self.drop_path, self.training)
        return relu(out + self.downsample(x), inplace=True)


class ResNet(nn.Module):
    """Stem, four stages of residual blocks, global average pooling.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        depths: Number of blocks in each of the four stages.
        width: Factor on every channel, the stem's included (2 in VICReg's "x2" networks).
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], depths: Sequence[int], width: float = 1
    ) -> None:
        super().__init__()
        base = round(64 * width)
        self.conv1 = _conv(3, base, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(base)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        out = base * block.expansion
        self.layer1 = _stage(block, base, base, depths[0], stride=1)
        self.layer2 = _stage(block, out, 2 * base, depths[1], stride=2)
        self.layer3 = _stage(block, 2 * out, 4 * base, depths[2], stride=2)
        self.layer4 = _stage(block, 4 * out, 8 * base, depths[3], stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def set_drop_path(self, rate: float) -> None:
        """Set stochastic depth: rates grow linearly from 0 at the first block to `rate`."""
        blocks = [m for m in self.modules() if isinstance(m, BasicBlock | Bottleneck)]
        for index, block in enumerate(blocks):
            block.drop_path = rate * index / max(1, len(blocks) - 1)

    def forward(self, images: Images) -> Features:
        """Return the pooled features of normalised images."""
        x: Tensor = self.maxpool(relu(self.bn1(self.conv1(images)), inplace=True))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def _stage(
    block: type[BasicBlock | Bottleneck], in_channels: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    first = block(in_channels, channels, stride)
    rest = (block(channels * block.expansion, channels, 1) for _ in range(depth - 1))
    return nn.Sequential(first, *rest)


def resnet18() -> ResNet:
    """Build ResNet-18: 512 features."""
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet18_quarter() -> ResNet:
    """Build ResNet-18 with a quarter of every channel: 128 features, for small images."""
    return ResNet(BasicBlock, (2, 2, 2, 2), width=0.25)


def resnet34() -> ResNet:
    """Build ResNet-34: 512 features."""
    return ResNet(BasicBlock, (3, 4, 6, 3))


def resnet50() -> ResNet:
    """Build ResNet-50: 2048 features."""
    return ResNet(Bottleneck, (3, 4, 6, 3))


def resnet50x2() -> ResNet:
    """Build ResNet-50 with every channel doubled (VICReg): 4096 features."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width=2)


def resnet200x2() -> ResNet:
    """Build ResNet-200 with every channel doubled (VICReg): 4096 features."""
    return ResNet(Bottleneck, (3, 24, 36, 3), width=2)
