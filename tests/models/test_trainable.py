import pytest
import torch
from torch import nn

from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.trainable import choose_trainable

NORMS = (nn.BatchNorm2d, nn.LayerNorm)
ENCODERS = ["resnet18_quarter", "timm/test_vit", "timm/test_convnext", "timm/test_efficientnet"]


def trainable(encoder: Encoder) -> set[str]:
    return {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}


def norms(encoder: Encoder) -> set[str]:
    layers = {name for name, layer in encoder.named_modules() if isinstance(layer, NORMS)}
    return {n for n, _ in encoder.named_parameters() if n.rpartition(".")[0] in layers}


@pytest.mark.parametrize("name", ENCODERS)
def test_norm_trains_the_normalisation_layers_only(name):
    encoder = build_encoder(name, seed=0)
    choose_trainable(encoder, "norm", seed=0)
    assert trainable(encoder) == norms(encoder) != set()


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("resnet18_quarter", "network.layer4.1."),
        ("timm/test_vit", "network.blocks.5."),
        ("timm/test_convnext", "network.stages.3.blocks.1."),
    ],
)
def test_last_trains_the_last_block_too(name, last):
    encoder = build_encoder(name, seed=0)
    choose_trainable(encoder, "last", seed=0)
    block = {name for name, _ in encoder.named_parameters() if name.startswith(last)}
    assert block
    assert trainable(encoder) == norms(encoder) | block


def test_all_trains_everything_again():
    encoder = build_encoder("timm/test_vit", seed=0)
    choose_trainable(encoder, "norm", seed=0)
    choose_trainable(encoder, "all", seed=0)
    assert trainable(encoder) == {name for name, _ in encoder.named_parameters()}


def test_adapters_depend_on_the_seed_alone():
    def adapters(seed: int) -> list[torch.Tensor]:
        encoder = build_encoder("timm/test_vit", seed=0)
        choose_trainable(encoder, "lora", rank=2, seed=seed)
        return [p for name, p in encoder.named_parameters() if "lora_A" in name]

    before = torch.get_rng_state()
    first, again, other = adapters(0), adapters(0), adapters(1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
