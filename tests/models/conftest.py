from collections import OrderedDict

import pytest
from torch import nn

from twinlens.models.encoders import ENCODERS, EncoderSpec


def _tiny() -> nn.Module:
    layers = {
        "conv1": nn.Conv2d(3, 4, 3, bias=False),
        "bn1": nn.BatchNorm2d(4),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
    }
    return nn.Sequential(OrderedDict(layers))


@pytest.fixture
def tiny(monkeypatch) -> str:
    """Name of an encoder that costs no time: one convolution, four features."""
    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(_tiny, feature_dim=4))
    return "tiny"
