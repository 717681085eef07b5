"""Vision transformers of timm: features from tokens, other sizes, and repositories of the hub."""

import json
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from twinlens.errors import UserError
from twinlens.models.encoders import Encoder, build_encoder, check_size

IMAGES = torch.rand(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))


def dinov2(pooling: str = "", **arguments: Any) -> Encoder:
    """Build a DINOv2 with 4 registers, of two blocks and 4 x 4 patches of 14 pixels."""
    shape = {"img_size": 56, "depth": 2, "embed_dim": 32, "num_heads": 2, "init_values": 1.0}
    images = {"input_size": [3, 56, 56], "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    config = {
        "architecture": "vit_small_patch14_reg4_dinov2",
        "model_args": shape | arguments,
        "pretrained_cfg": images,
    }
    return build_encoder(f"hf-hub:a/b{pooling}", seed=0, config=config).eval()


def tokens(encoder: Encoder) -> Tensor:
    """Return the normalised tokens: one of the class, four registers, sixteen patches."""
    return encoder.network.forward_features(IMAGES)


def test_features_are_the_class_token_the_mean_of_patches_or_both():
    found = tokens(dinov2())
    assert found.shape == (2, 21, 32)
    cls, mean = found[:, 0], found[:, -16:].sum(dim=1) / 16
    expected = {"": cls, ":cls": cls, ":mean": mean, ":cls+mean": torch.cat([cls, mean], dim=1)}
    for pooling, features in expected.items():
        encoder = dinov2(pooling)
        torch.testing.assert_close(encoder(IMAGES), features)
        assert encoder.feature_dim == features.shape[1]
        assert list(encoder.state_dict()) == list(dinov2().state_dict())


def test_a_normalisation_after_pooling_is_applied_to_each_part():
    """As with timm's average, whose normalisation follows it."""
    plain = dinov2(global_pool="avg")
    torch.testing.assert_close(dinov2(":mean", global_pool="avg")(IMAGES), plain(IMAGES))
    cls = plain.network.fc_norm(tokens(plain)[:, 0])
    torch.testing.assert_close(dinov2(":cls+mean", global_pool="avg")(IMAGES)[:, :32], cls)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm/test_resnet:mean", "is no vision transformer of tokens: leave ':mean' out"),
        ("resnet18:cls", "is no vision transformer of tokens: leave ':cls' out"),
        ("timm/test_vit:max", "After a network's name, ':' takes cls, mean, cls.mean, then"),
        ("timm/test_vit_relpos:cls", "no class token: use ':mean'"),
        ("hf-hub:a/b c", "names no repository"),
        ("timm/resnet81", "has no model 'resnet81'. Did you mean resnet18"),
        ("timm/resnet18.nowhere", "cannot build 'timm/resnet18.nowhere': Invalid pretrained tag"),
    ],
)
def test_names_that_cannot_be_built_are_refused_in_a_sentence(hub, name, words):
    with pytest.raises(UserError, match=words):
        build_encoder(name, seed=0)


def test_normalisation_and_size_are_the_repositorys():
    encoder = dinov2()
    assert (encoder.mean, encoder.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert encoder.default_size == 56


def test_a_repository_of_timm_is_built_from_its_config_on_the_hub(hub):
    images = {"input_size": [3, 28, 28], "mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"architecture": "resnet18", "pretrained_cfg": images}
    (hub("a/b") / "config.json").write_text(json.dumps(config))
    encoder = build_encoder("hf-hub:a/b", seed=0)
    assert encoder.config["architecture"] == "resnet18"
    assert (encoder.default_size, encoder.mean) == (28, (0.5, 0.5, 0.5))
    torch.testing.assert_close(
        encoder.state_dict(), build_encoder("timm/resnet18", seed=0).state_dict()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"widths": 3}, "cannot build 'hf-hub:a/b': .*'widths'"), ({"num_classes": 7}, None)],
)
def test_a_config_of_the_hub_may_ask_for_too_much(arguments, words):
    if words is None:
        assert dinov2(**arguments)(IMAGES).shape == (2, 32)
        return
    with pytest.raises(UserError, match=words):
        dinov2(**arguments)


def test_other_sizes_interpolate_the_position_embeddings_as_timm_does(capsys):
    encoder = dinov2(":cls+mean")
    images = torch.rand(2, 3, 84, 84, generator=torch.Generator().manual_seed(1))
    larger = dinov2(":cls+mean", img_size=84)
    state = encoder.state_dict()
    registers = {"new_size": [6, 6], "num_prefix_tokens": 0}  # they and the class have no position
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], **registers)
    larger.load_state_dict(state)
    torch.testing.assert_close(encoder(images), larger(images))
    check_size(encoder, 84)
    assert "for 84 its position embeddings are interpolated.\n" in capsys.readouterr().err


def test_sizes_that_patches_do_not_divide_are_padded_and_said(capsys):
    encoder = dinov2()
    images = torch.zeros(2, 3, 70, 70)
    images[..., :64, :64] = IMAGES[..., :1, :1]
    torch.testing.assert_close(encoder(images[..., :64, :64].contiguous()), encoder(images))
    check_size(encoder, 64)
    assert capsys.readouterr().err == (
        "hf-hub:a/b was made for images of 56 pixels: for 64 its position embeddings are "
        "interpolated, and 6 pixels of the mean colour are added at the right and below.\n"
    )


@pytest.mark.parametrize("name", ["vit_small_patch16_dinov3", "convnext_tiny.fb_in22k_ft_in1k"])
def test_the_networks_own_features_are_timms(name):
    shape = {"depth": 2} if "vit" in name else {"depths": (1, 1, 1, 1)}
    config = {"architecture": name, "model_args": shape, "pretrained_cfg": {}}
    encoder = build_encoder("hf-hub:a/b", seed=0, config=config).eval()
    theirs = timm.create_model(name, num_classes=0, **shape).eval()
    theirs.load_state_dict(encoder.state_dict())
    images = torch.rand(1, 3, 64, 64)
    if "vit" in name:
        theirs = timm.create_model(name, num_classes=0, dynamic_img_size=True, **shape).eval()
        theirs.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(encoder(images), theirs(images))


@pytest.mark.parametrize("name", ["timm/test_vit:mean:96", "resnet18:96"])
def test_a_side_in_the_name_resizes_images_as_pillow_does(name, capsys):
    encoder = build_encoder(name, seed=0).eval()
    pixels = torch.randint(64, 192, (40, 40, 3), dtype=torch.uint8)  # no overshoot to clip
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    resized = Image.fromarray(pixels.numpy()).resize((96, 96), filters[encoder.interpolation])
    seen = []
    encoder.network.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    patches = getattr(encoder.network, "patch_embed", encoder.network)
    patches.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    encoder(pixels.movedim(-1, 0)[None] / 255)
    expected = torch.from_numpy(np.array(resized)).movedim(-1, 0) / 255
    torch.testing.assert_close(seen[-1][0], expected, rtol=0, atol=1.5 / 255)  # Pillow rounds twice
    check_size(encoder, 40)
    assert ("for 96 its position" in capsys.readouterr().err) == name.startswith("timm")


def test_of_a_network_with_a_pooling_of_ours_all_weights_are_used():
    network = dinov2(":mean", global_pool="map", class_token=False)
    network(IMAGES).sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None]
