"""Published weights against torchvision's and timm's tables, and fastai's names of tensors."""

from importlib import import_module
from types import ModuleType

import pytest
import torch

from twinlens.models.encoders import ENCODERS, build_encoder
from twinlens.models.keys import recognise
from twinlens.models.published import WEIGHTS

pytestmark = pytest.mark.peers


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("supervised_v1", "ResNet50_Weights.IMAGENET1K_V1"),
        ("supervised_v2", "ResNet50_Weights.IMAGENET1K_V2"),
        ("supervised_resnet18", "ResNet18_Weights.IMAGENET1K_V1"),
        ("supervised_resnet34", "ResNet34_Weights.IMAGENET1K_V1"),
    ],
)
def test_the_supervised_entries_are_torchvisions(torchvision: ModuleType, name, theirs):
    entry, weights = WEIGHTS[name], torchvision.models.get_weight(theirs)
    assert entry.address == weights.url
    assert ENCODERS[entry.encoder].mean == tuple(weights.transforms().mean)
    assert ENCODERS[entry.encoder].std == tuple(weights.transforms().std)
    if entry.size:  # theirs is in MiB, of three digits
        assert entry.size / 2**20 == pytest.approx(weights.meta["_file_size"], abs=0.0006)


def test_the_dino_entry_is_timms_and_its_names_those_of_the_published_file(timm: ModuleType):
    entry = WEIGHTS["dino_vit_small"]
    with torch.device("meta"):
        encoder = build_encoder(entry.encoder, seed=0)
    published = timm.get_pretrained_cfg(entry.encoder.removeprefix("timm/"))
    assert entry.address == published.url
    layers = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    named = [f"blocks.{block}.{layer}" for block in range(12) for layer in layers]
    named = [
        f"{k}.{kind}" for k in (*named, "patch_embed.proj", "norm") for kind in ("weight", "bias")
    ]
    assert set(encoder.state_dict()) == {"cls_token", "pos_embed", *named}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fastai's own imports
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_fastais_body_has_the_names_that_are_recognised(torchvision: ModuleType, name):
    create_body = import_module("fastai.vision.learner").create_body
    body = create_body(getattr(torchvision.models, name)(weights=None), pretrained=False)
    with torch.device("meta"):
        encoder = build_encoder(name, seed=0)
    theirs = [f"encoder.{key}" for key in body.state_dict()]
    assert list(recognise(theirs, encoder.state_dict()).values()) == list(encoder.state_dict())
