"""Weight files in the layout of their authors, brought to that of timm's networks."""

import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor

from twinlens.models.encoders import Encoder
from twinlens.models.match import Match, match

_CLIP = {
    "embeddings.class_embedding": "cls_token",
    "embeddings.patch_embedding.": "patch_embed.proj.",
    "embeddings.position_embedding.weight": "pos_embed",
    "pre_layrnorm.": "norm_pre.",  # as transformers spells it
    "post_layernorm.": "norm.",
    "encoder.layers.": "blocks.",
    "self_attn.out_proj.": "attn.proj.",
    "layer_norm1.": "norm1.",
    "layer_norm2.": "norm2.",
}
"""Parts of names in transformers' CLIP below ``vision_model.``, and timm's."""

_UNREADABLE = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


def fit(encoder: Encoder, tensors: Mapping[str, Tensor]) -> tuple[Mapping[str, Tensor], Match]:
    """Match a file's tensors with an encoder, in the encoder's layout or in their authors'.

    Returns:
        The tensors, translated where only that makes them fit, and the match.
    """
    matched = match(encoder, tensors)
    if not matched.problems:
        return tensors, matched
    translated = timm_layout(encoder, tensors)
    other = match(encoder, translated)
    return (tensors, matched) if other.problems else (translated, other)


def timm_layout(encoder: Encoder, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Translate a file for one of timm's networks: by timm itself, or from transformers' CLIP.

    timm reads the files of open_clip, DINOv2, DINOv3 and many others. What it cannot translate
    stays as it is.
    """
    if any(key.startswith("vision_model.") for key in tensors):
        return _from_transformers_clip(tensors)
    module = sys.modules.get(type(encoder.network).__module__)
    translate = getattr(module, "checkpoint_filter_fn", None)
    if translate is None:
        return tensors
    try:
        with redirect_stdout(StringIO()):  # timm prints what DINOv3's networks without bias lack
            translated: dict[str, Tensor] = translate(dict(tensors), encoder.network)
    except _UNREADABLE:
        return tensors
    return translated


def _from_transformers_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    translated: dict[str, Tensor] = {}
    projections: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        if not key.startswith("vision_model.") or key.endswith("position_ids"):
            continue
        name = key.removeprefix("vision_model.")
        for theirs, ours in _CLIP.items():
            name = name.replace(theirs, ours)
        block, found, rest = name.partition("self_attn.")
        if found:  # q_proj.weight and so on: timm keeps the three in one layer
            layer, kind = rest.split(".")
            projections[f"{block}attn.qkv.{kind}"][layer] = tensor
        elif name == "cls_token":
            translated[name] = tensor.reshape(1, 1, -1)
        else:
            translated[name] = tensor[None] if name == "pos_embed" else tensor
    for name, parts in projections.items():
        translated[name] = torch.cat([parts[f"{part}_proj"] for part in "qkv"])
    return translated
