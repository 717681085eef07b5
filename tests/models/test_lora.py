import pytest
import timm
import torch

from twinlens.errors import UserError
from twinlens.models.encoders import ENCODERS, Encoder, EncoderSpec, build_encoder
from twinlens.models.lora import add_lora, merge_lora

IMAGES = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))


def train_adapters(encoder: Encoder) -> None:
    for name, parameter in encoder.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))


TINY = {"depth": 2, "embed_dim": 32, "num_heads": 2, "img_size": 160, "num_classes": 0}


@pytest.fixture(params=["vit_tiny_patch16_224", "beit_base_patch16_224", "eva02_tiny_patch14_224"])
def name(request, monkeypatch) -> str:
    """Name of a transformer of two blocks: calls its `qkv`, reads its weight, has q, k and v."""

    def build() -> torch.nn.Module:
        return timm.create_model(request.param, **TINY)

    monkeypatch.setitem(ENCODERS, "transformer", EncoderSpec(build, feature_dim=32))
    return "transformer"


def test_adapters_begin_at_nothing_and_merge_into_the_plain_network(name):
    encoder = build_encoder(name, seed=0).eval()
    for key, parameter in encoder.named_parameters():
        parameter.data.fill_(1) if "gamma" in key else None  # layer scale begins near 0
    names = list(encoder.state_dict())
    with torch.no_grad():
        before = encoder(IMAGES)
        add_lora(encoder, rank=2)
        torch.testing.assert_close(encoder(IMAGES), before)
        train_adapters(encoder)
        adapted = encoder(IMAGES)
        assert (adapted - before).abs().max() > 1e-2
        for key, parameter in encoder.named_parameters():  # each adapter changes the features
            if "lora_B" in key:
                trained, parameter.data = parameter.data, torch.zeros_like(parameter)
                assert (encoder(IMAGES) - adapted).abs().max() > 1e-4, key
                parameter.data = trained
        merge_lora(encoder)
        torch.testing.assert_close(encoder(IMAGES), adapted, rtol=1e-5, atol=1e-5)
    assert list(encoder.state_dict()) == names
    other = build_encoder(name, seed=1).eval()
    other.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(other(IMAGES), adapted, rtol=1e-5, atol=1e-5)


def test_a_merged_layer_is_w_plus_b_times_a():
    encoder = build_encoder("timm/test_vit", seed=0)
    layer = encoder.network.blocks[1].attn.qkv
    weight = layer.weight.detach().clone()
    add_lora(encoder, rank=3)
    train_adapters(encoder)
    state = encoder.state_dict()
    a, b = (state[f"blocks.1.attn.qkv.lora_{part}.default.weight"] for part in "AB")
    assert (a.shape, b.shape) == ((3, 64), (192, 3))
    merge_lora(encoder)
    assert encoder.network.blocks[1].attn.qkv is layer
    torch.testing.assert_close(layer.weight.detach(), weight + b @ a)


def test_only_adapters_are_trained_and_all_of_them_have_a_gradient():
    encoder = build_encoder("timm/test_vit", seed=0)
    add_lora(encoder, rank=2)
    encoder(IMAGES).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.requires_grad == (parameter.grad is not None) == ("lora_" in name), name
    adapted = {name.partition(".lora_")[0] for name, _ in encoder.named_parameters()}
    assert {"network.blocks.0.attn.qkv", "network.blocks.5.attn.proj"} <= adapted


def test_merging_without_adapters_changes_nothing():
    encoder = build_encoder("timm/test_vit", seed=0)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    merge_lora(encoder)
    assert all(torch.equal(tensor, before[key]) for key, tensor in encoder.state_dict().items())


@pytest.mark.parametrize("network", ["resnet18_quarter", "timm/test_convnext"])
def test_a_network_without_attention_is_refused(network):
    with pytest.raises(UserError, match=f"{network} has none: choose another encoder, or train"):
        add_lora(build_encoder(network, seed=0), rank=2)
