import numpy as np
import pytest
import torch
from torch import nn

from twinlens.data.batches import reader
from twinlens.models.encoders import Encoder

PACK = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


@pytest.fixture
def network():
    """An encoder with the layers that behave otherwise in training, and a head."""
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )
    encoder = Encoder("tiny", layers, feature_dim=16, mean=MEAN, std=STD, default_size=16)
    head = nn.Linear(16, 3)
    random = torch.Generator().manual_seed(0)
    for parameter in [*encoder.parameters(), *head.parameters()]:
        nn.init.normal_(parameter, generator=random)
    return encoder, head


@pytest.fixture
def pack():
    return PACK


@pytest.fixture
def read():
    """Read images of the pack by their row numbers."""
    return reader(PACK, np.arange(20))
