"""Synchronised BatchNorm inside timm's networks."""

from unittest.mock import Mock

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from twinlens.engine.distributed import synchronise_batchnorm
from twinlens.models.encoders import build_encoder

pytestmark = pytest.mark.peers


def test_synchronising_timms_batchnorm_keeps_its_activation_and_its_names(timm):
    encoder = build_encoder("timm/tf_efficientnet_lite0", seed=0).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    before, names = encoder(images), list(encoder.state_dict())
    fabric = Mock(spec=Fabric, world_size=2, device=torch.device("cuda"))
    synchronise_batchnorm(encoder, fabric)
    kinds = [part for part in encoder.modules() if isinstance(part, nn.SyncBatchNorm)]
    assert len(kinds) > 40
    assert not any(isinstance(part, nn.BatchNorm2d) for part in encoder.modules())
    assert list(encoder.state_dict()) == names
    torch.testing.assert_close(encoder(images), before)
