"""Files in the layouts of open_clip, transformers and DINOv2's authors, of random tiny networks."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from twinlens.models.encoders import build_encoder
from twinlens.models.layouts import fit, timm_layout
from twinlens.models.weights import load_weights

TOWER = {"image_size": 32, "layers": 2, "width": 48, "patch_size": 8, "head_width": 16}
MEAN, STD = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[True, False], ids=["quick_gelu", "gelu"])
def clip(request) -> open_clip.CLIP:
    """A tiny CLIP of open_clip with random weights."""
    torch.manual_seed(0)
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 2}
    return open_clip.CLIP(
        8, vision_cfg=TOWER, text_cfg=text, quick_gelu=request.param
    ).eval()  # fmt: skip


def features(clip: open_clip.CLIP) -> tuple[Tensor, Tensor]:
    """Return the class token before the projection, and the mean of the patch tokens."""
    visual = clip.visual
    visual.proj, visual.output_tokens = None, True
    cls, patches = visual(IMAGES)
    return cls, patches.mean(dim=1)


def save(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(content))


def as_open_clip(clip: open_clip.CLIP, folder: Path) -> None:
    quick = any("QuickGELU" in type(layer).__name__ for layer in clip.modules())
    images = {"mean": MEAN, "std": STD, "interpolation": "bicubic"}
    model = {"embed_dim": 8, "vision_cfg": TOWER, "quick_gelu": quick}
    save(folder, "open_clip_config.json", {"model_cfg": model, "preprocess_cfg": images})
    torch.save(clip.state_dict(), folder / "open_clip_pytorch_model.bin")


def as_transformers(clip: open_clip.CLIP, folder: Path) -> None:
    """Write the image tower as transformers' CLIPModel stores it: q, k and v apart."""
    quick = any("QuickGELU" in type(layer).__name__ for layer in clip.modules())
    state = clip.visual.state_dict()
    saved = {
        "vision_model.embeddings.class_embedding": state["class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.position_ids": torch.arange(17)[None],
        "visual_projection.weight": state["proj"].T,
        "text_model.final_layer_norm.weight": torch.ones(32),
        "logit_scale": torch.ones(()),
    }
    for kind in ("weight", "bias"):
        saved[f"vision_model.pre_layrnorm.{kind}"] = state[f"ln_pre.{kind}"]
        saved[f"vision_model.post_layernorm.{kind}"] = state[f"ln_post.{kind}"]
        for block in range(2):
            old, new = f"transformer.resblocks.{block}", f"vision_model.encoder.layers.{block}"
            for part, rows in zip("qkv", state[f"{old}.attn.in_proj_{kind}"].chunk(3), strict=True):
                saved[f"{new}.self_attn.{part}_proj.{kind}"] = rows
            saved[f"{new}.self_attn.out_proj.{kind}"] = state[f"{old}.attn.out_proj.{kind}"]
            for norm in (1, 2):
                saved[f"{new}.layer_norm{norm}.{kind}"] = state[f"{old}.ln_{norm}.{kind}"]
            saved[f"{new}.mlp.fc1.{kind}"] = state[f"{old}.mlp.c_fc.{kind}"]
            saved[f"{new}.mlp.fc2.{kind}"] = state[f"{old}.mlp.c_proj.{kind}"]
    tower = {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 48,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "hidden_act": "quick_gelu" if quick else "gelu",
    }
    save(folder, "config.json", {"model_type": "clip", "vision_config": tower})
    save(folder, "preprocessor_config.json", {"image_mean": MEAN, "image_std": STD, "resample": 3})
    contiguous = {key: tensor.clone().contiguous() for key, tensor in saved.items()}
    save_file(contiguous, folder / "model.safetensors")


@pytest.mark.parametrize("store", [as_open_clip, as_transformers])
def test_a_clip_on_the_hub_gives_open_clips_features(clip, hub, store, capsys):
    store(clip, hub("a/b"))
    cls, mean = features(clip)
    for pooling, expected in ((":cls+mean", torch.cat([cls, mean], dim=1)), ("", cls)):
        encoder = build_encoder(f"hf-hub:a/b{pooling}", seed=0).eval()
        initial = load_weights(encoder, "pretrained")
        torch.testing.assert_close(encoder(IMAGES), expected, rtol=1e-4, atol=1e-5)
    assert initial.matched == len(encoder.state_dict())
    assert (encoder.mean, encoder.std, encoder.default_size) == (tuple(MEAN), tuple(STD), 32)
    assert initial.origin.interpolation == "bicubic"
    assert "do not say which images they were trained on" in initial.origin.warning
    assert f"WARNING: {initial.origin.warning}" in capsys.readouterr().err


def test_dinov2_with_registers_loads_as_its_authors_store_it():
    """There the class token's position is apart, and timm's class token holds it."""
    shape = {"img_size": 28, "depth": 1, "embed_dim": 32, "num_heads": 2}
    config = {
        "architecture": "vit_small_patch14_reg4_dinov2",
        "model_args": shape,
        "pretrained_cfg": {},
    }
    encoder = build_encoder("hf-hub:a/b", seed=0, config=config)
    published = dict(encoder.state_dict())
    registers = published.pop("reg_token")
    positions = torch.rand(1, 1 + 4, 32)
    published |= {"register_tokens": registers, "mask_token": torch.zeros(1, 32)}
    published |= {"pos_embed": positions, "cls_token": torch.ones(1, 1, 32)}
    _, matched = fit(encoder, published)
    assert not matched.problems
    torch.testing.assert_close(matched.tensors["cls_token"], 1 + positions[:, :1])
    torch.testing.assert_close(matched.tensors["pos_embed"], positions[:, 1:])
    assert matched.tensors["reg_token"] is registers


@pytest.mark.parametrize("bias", ["", "_qkvb"])
def test_dinov3_loads_as_its_authors_store_it(bias, capsys):
    """There queries, keys and values have one bias; the keys' is 0, and so may be all."""
    config = {
        "architecture": f"vit_small_patch16_dinov3{bias}",
        "model_args": {"depth": 1, "embed_dim": 24, "num_heads": 2},
        "pretrained_cfg": {},
    }
    encoder = build_encoder("hf-hub:a/b", seed=0, config=config)
    own = encoder.state_dict()
    renamed = {"reg_token": "storage_tokens", "gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma"}
    published = {}
    for key, tensor in own.items():
        for timms, theirs in renamed.items():
            key = key.replace(timms, theirs)
        published[key] = tensor
    q, v = (published.pop(f"blocks.0.attn.{x}_bias", torch.zeros(24)) for x in "qv")
    published["blocks.0.attn.qkv.bias"] = torch.cat([q, torch.zeros(24), v])
    published |= {"mask_token": torch.zeros(1, 24), "rope_embed.periods": torch.zeros(3)}
    _, matched = fit(encoder, published)
    assert not matched.problems
    assert {
        key for key, tensor in matched.tensors.items() if not torch.equal(own[key], tensor)
    } == set()
    assert matched.tensors.keys() >= dict(encoder.network.named_parameters()).keys()
    assert not capsys.readouterr().out


def test_what_fits_as_it_is_or_not_at_all_is_not_translated(tiny):
    encoder = build_encoder(tiny, seed=0)
    own = encoder.state_dict()
    assert fit(encoder, own)[0] is own
    other = {"visual.class_embedding": torch.ones(2)}
    assert timm_layout(encoder, other) is other
    transformer = build_encoder("timm/test_vit", seed=0)
    tensors, matched = fit(transformer, other)
    assert tensors is other
    assert "missing" in matched.problems
