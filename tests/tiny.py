"""A network of one layer, which trains in no time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import nn

from twinlens.models.encoders import ENCODERS, EncoderSpec

HOW: dict[str, Any] = {"encoder": "tiny", "device": "cpu"}


@contextmanager
def tiny_encoder() -> Iterator[None]:
    """Let there be an encoder named tiny, with four features."""

    def tiny() -> nn.Module:
        layers = nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*layers, nn.Flatten())

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "tiny", EncoderSpec(tiny, feature_dim=4))
        yield
