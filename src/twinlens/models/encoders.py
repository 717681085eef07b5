"""The table of encoders: networks from normalised images to features.

A plain dict and not a registry: an entry is a small record. timm's models need no entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch.nn.utils import convert_conv2d_weight_memory_format

from twinlens.console import say
from twinlens.errors import UserError, unknown
from twinlens.models.encoder_name import parse_name
from twinlens.models.initialisation import seeded_initialisation
from twinlens.models.resnet import (
    ResNet,
    resnet18,
    resnet18_quarter,
    resnet34,
    resnet50,
    resnet50x2,
    resnet200x2,
)
from twinlens.models.timm_networks import build_timm, is_in_timm, no_drop_path, no_tokens, pool
from twinlens.types import RGB, Features, Images

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)

_ONEDNN_BLOCK = 16
"""Channels that oneDNN computes at a time, at most."""

NOT_NORMALISED: tuple[RGB, RGB] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Mean and standard deviation that change nothing."""


@dataclass(frozen=True)
class EncoderSpec:
    """How an encoder is built and what it expects of its images.

    Attributes:
        build: Builds the network, without a classifier.
        feature_dim: Length of the feature vector.
        mean: Mean of the red, green and blue channel, images in [0, 1].
        std: Standard deviation of the same.
        default_size: Side of its images if none is chosen, in pixels.
        interpolation: How images were brought to that size: "bicubic" or "bilinear".
    """

    build: Callable[[], nn.Module]
    feature_dim: int
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD
    default_size: int = 224
    interpolation: str = "bilinear"


ENCODERS: dict[str, EncoderSpec] = {
    "resnet18": EncoderSpec(resnet18, feature_dim=512),
    "resnet18_quarter": EncoderSpec(resnet18_quarter, feature_dim=128),
    "resnet34": EncoderSpec(resnet34, feature_dim=512),
    "resnet50": EncoderSpec(resnet50, feature_dim=2048),
    "resnet50x2": EncoderSpec(resnet50x2, feature_dim=4096),
    "resnet200x2": EncoderSpec(resnet200x2, feature_dim=4096),
}


class Encoder(nn.Module):
    """A network with its name, feature dimension, normalisation and default size.

    Its state dict has the network's own names, without a prefix: torchvision's for the
    residual networks, timm's for its own. That also holds inside a larger module.

    Attributes:
        name: As `build_encoder` takes it.
        network: The network.
        feature_dim: Length of the feature vector.
        mean: Mean of the red, green and blue channel, images in [0, 1].
        std: Standard deviation of the same.
        default_size: Side of the images that it was made for, in pixels.
        interpolation: How images are brought to another size: "bicubic" or "bilinear".
        pooling: What the features are, if the name says it; None for the network's own.
        side: Side that images are resized to, if the name says it, in pixels.
        config: How a repository of the hub says that it is built; None for others.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        *,
        feature_dim: int,
        mean: RGB,
        std: RGB,
        default_size: int,
        interpolation: str = "bicubic",
        config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.pooling, self.side = parse_name(name).pooling, parse_name(name).side
        self.interpolation = interpolation
        self.config = config
        self.network = network
        self.feature_dim = feature_dim
        self.mean = mean
        self.std = std
        self.default_size = default_size
        self.register_state_dict_post_hook(_drop_prefix)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_add_prefix)  # type: ignore[no-untyped-call]

    def forward(self, images: Images) -> Features:
        """Return the features of normalised images, shape (batch, feature_dim)."""
        images = self.resized(images)
        if self.pooling is not None:
            return pool(self.network, images, self.pooling)
        features: Features = self.network(images)
        return features

    def resized(self, images: Images) -> Float[Tensor, "batch 3 _ _"]:
        """Return images as the network gets them: of the side that the name says, if it does."""
        if self.side is None:
            return images
        size, mode = (self.side, self.side), self.interpolation
        return interpolate(images, size, mode=mode, antialias=True)


def _drop_prefix(_module: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    _rename(state, prefix + "network.", prefix)


def _add_prefix(_module: nn.Module, state: dict[str, Any], prefix: str, *_others: Any) -> None:
    _rename(state, prefix, prefix + "network.")


def _rename(state: dict[str, Any], old: str, new: str) -> None:
    for key in [key for key in state if key.startswith(old)]:
        state[new + key.removeprefix(old)] = state.pop(key)


def build_encoder(
    name: str, seed: int, *, drop_path: float = 0.0, config: dict[str, Any] | None = None
) -> Encoder:
    """Build an encoder with random weights, in the channels-last memory format.

    Args:
        name: A name in `ENCODERS`, ``timm/NAME`` for a model of timm, or ``hf-hub:OWNER/NAME`` for
            one in a repository of the Hugging Face hub. For vision transformers ``:cls``,
            ``:mean`` or ``:cls+mean`` may follow: the features are then the class token, the mean
            of the patch tokens, or both. For every network a side in pixels, such as ``:224``, may
            follow: images are resized to it.
        seed: The weights depend on it alone; the global generator is left as it was.
        drop_path: Stochastic depth: probability that the last residual block is left out for an
            image in training, below 1; it grows linearly from 0 with depth (Huang et al. 2016).
        config: How the repository says that the model is built, where it is known; else it is
            read from the hub.

    Raises:
        UserError: The name is unknown, timm is not installed, the repository cannot be read, or
            the encoder has no residual blocks to drop.
    """
    network = parse_name(name).network
    if network not in ENCODERS and not network.startswith(("timm/", "hf-hub:")):
        if is_in_timm(network):
            raise UserError(f"The encoder {network} is one of timm's: name it timm/{name}.")
        raise unknown("encoder", name, [*ENCODERS, "timm/NAME", "hf-hub:OWNER/NAME"])
    with seeded_initialisation(seed, "encoder"):
        if network in ENCODERS:
            encoder = _from_table(name, drop_path)
        else:
            encoder = _from_timm(name, drop_path, config)
    encoder = convert_conv2d_weight_memory_format(encoder, torch.channels_last)
    return widen_single_columns(keep_narrow_contiguous(encoder))


def keep_narrow_contiguous(encoder: Encoder) -> Encoder:
    """Compute strided 1x1 convolutions of few channels in the contiguous memory format.

    In channels-last, oneDNN's gradient of their weights writes past its buffer, which crashes or
    is wrong (uxlfoundation/oneDNN#6035). RepVGG and FastViT have such layers.

    Args:
        encoder: Changed in place.
    """
    for layer in encoder.modules():
        if (
            isinstance(layer, nn.Conv2d)
            and layer.kernel_size == (1, 1)
            and max(layer.stride) > 1
            and layer.in_channels // layer.groups < _ONEDNN_BLOCK
        ):
            # A clone, since .contiguous() keeps the strides of a 1x1 weight as they are.
            layer.weight.data = layer.weight.data.clone(memory_format=torch.contiguous_format)
            layer.register_forward_pre_hook(_contiguous_input)
    return encoder


def widen_single_columns(encoder: Encoder) -> Encoder:
    """Give maps of one column a second one, of zeros, before strided convolutions that pad.

    Their output stays the same. Without it, oneDNN's gradient of their weights in bf16 is what was
    in memory before (torch 2.13, AVX-512 without bf16): not finite, or finite and wrong. In the
    last block of a ResNet, images of 16 pixels are such maps. The encoder is changed in place.
    """
    for layer in encoder.modules():
        if (
            isinstance(layer, nn.Conv2d)
            and layer.stride[1] > 1
            and layer.kernel_size[1] in (3, 5, 7)
            and layer.padding == tuple(side // 2 for side in layer.kernel_size)
            and layer.padding_mode == "zeros"
        ):
            layer.register_forward_pre_hook(_two_columns)
    return encoder


def _two_columns(_layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    (x,) = inputs
    return (pad(x, (0, 1)) if x.shape[-1] == 1 else x,)


def _contiguous_input(_layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (inputs[0].contiguous(),)


def check_size(encoder: Encoder, size: int, *, remedy: str = "") -> None:
    """Check that an encoder takes images of a size, and tell if it was made for another one.

    timm's plain vision transformers interpolate their position embeddings, and pad images that
    their patches do not divide; others take only their own size.

    Args:
        encoder: The encoder.
        size: Side of the images in pixels.
        remedy: What to do, where the size is not the data set's.

    Raises:
        UserError: It cannot take images of this size.
    """
    training = encoder.training
    try:
        with torch.inference_mode():
            encoder.eval()(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError) as error:
        remedy = remedy or f"import the data set with --size {encoder.default_size}"
        raise UserError(
            f"The encoder {encoder.name} cannot take images of {size} pixels ({error}): {remedy}, "
            "or choose another encoder."
        ) from error
    finally:
        encoder.train(training)
    size = encoder.side or size
    if size == encoder.default_size or not getattr(encoder.network, "dynamic_img_size", False):
        return
    patches: Any = getattr(encoder.network, "patch_embed", None)
    patch = getattr(patches, "patch_size", (1, 1))[0]
    changes = []
    if getattr(encoder.network, "pos_embed", None) is not None:
        changes.append("its position embeddings are interpolated")
    if short := -size % patch:
        changes.append(f"{short} pixels of the mean colour are added at the right and below")
    if changes:
        say(
            f"{encoder.name} was made for images of {encoder.default_size} pixels: for {size} "
            f"{', and '.join(changes)}."
        )


def _from_table(name: str, drop_path: float) -> Encoder:
    named = parse_name(name)
    spec = ENCODERS[named.network]
    network = spec.build()
    if named.pooling:
        raise no_tokens(name, named.pooling)
    if drop_path:
        if not isinstance(network, ResNet):
            raise no_drop_path(name)
        network.set_drop_path(drop_path)
    return Encoder(
        name,
        network,
        feature_dim=spec.feature_dim,
        mean=spec.mean,
        std=spec.std,
        default_size=spec.default_size,
        interpolation=spec.interpolation,
    )


def _from_timm(name: str, drop_path: float, config: dict[str, Any] | None) -> Encoder:
    built = build_timm(name, drop_path, config)
    return Encoder(
        name,
        built.network,
        feature_dim=built.feature_dim,
        mean=built.mean,
        std=built.std,
        default_size=built.size,
        interpolation=built.interpolation,
        config=built.config,
    )
