"""timm's networks by name or from a repository of the hub, without a classifier."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from twinlens.errors import UserError, require
from twinlens.models.encoder_name import POOLINGS, parse_name
from twinlens.models.hub import model_config
from twinlens.types import RGB

_SIZES: tuple[dict[str, bool], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"dynamic_img_size": True},
    {},
)
"""Arguments of transformers that take other sizes; most networks know none or need none."""

_CONFIG = ("mean", "std", "input_size", "interpolation", "license", "hf_hub_id", "hf_hub_filename")
"""What is taken from a repository's "pretrained_cfg"."""


@dataclass(frozen=True)
class TimmNetwork:
    """A network of timm and what its weights expect.

    Attributes:
        network: Without a classifier.
        feature_dim: Length of its features.
        mean: Normalisation of the images of its published weights.
        std: Likewise.
        size: Side of these images, in pixels.
        interpolation: How they were brought to it: "bicubic" or "bilinear".
        config: How a repository of the hub says that it is built; None for a name of timm.
    """

    network: nn.Module
    feature_dim: int
    mean: RGB
    std: RGB
    size: int
    interpolation: str
    config: dict[str, Any] | None


def pool(network: nn.Module, images: Tensor, pooling: str) -> Tensor:
    """Return the class token of a vision transformer, the mean of its patch tokens, or both.

    Registers and other prefix tokens are no patches. The tokens are those after the final
    normalisation, as DINOv2's linear classifiers take them.
    """
    tokens = network.forward_features(images)  # type: ignore[operator]
    prefix: Any = network.num_prefix_tokens
    normalise: Any = getattr(network, "fc_norm", nn.Identity())  # the identity after another one
    parts = {"cls": tokens[:, 0], "mean": tokens[:, prefix:].mean(dim=1)}
    return torch.cat([normalise(parts[part]) for part in pooling.split("+")], dim=1)


def is_in_timm(model: str) -> bool:
    """Return whether timm, if it is installed, has a network of this name."""
    try:
        return bool(require("timm", extra="timm").is_model(model))
    except UserError:
        return False


def build_timm(name: str, drop_path: float, config: dict[str, Any] | None) -> TimmNetwork:
    """Build ``timm/NAME`` or ``hf-hub:OWNER/NAME``, with or without a pooling.

    Args:
        name: The encoder's name.
        drop_path: Stochastic depth of the last block.
        config: That of a repository, if it is known; None to read it.

    Raises:
        UserError: timm has no such network, or it has no such pooling or stochastic depth.
    """
    timm = require("timm", extra="timm")
    named = parse_name(name)
    model, pooling = named.network, named.pooling
    create, config = _creator(timm, model, config)
    if drop_path:
        create = partial(create, drop_path_rate=drop_path)
    try:
        network = _build(create)
    except (RuntimeError, TypeError, ValueError) as error:
        if drop_path and "drop_path_rate" in str(error):
            raise no_drop_path(name) from error
        raise UserError(f"timm {timm.__version__} cannot build '{model}': {error}") from error
    if drop_path and not any(getattr(m, "drop_prob", 0) for m in network.modules()):
        raise no_drop_path(name)
    if pooling:
        _check_pooling(name, network, pooling)
        network.attn_pool = None  # not used: its weights would get no gradient
    expected = network.pretrained_cfg
    return TimmNetwork(
        network,
        feature_dim=network.head_hidden_size * (1 + (pooling == "cls+mean")),
        mean=tuple(expected["mean"]),
        std=tuple(expected["std"]),
        size=expected["input_size"][-1],
        interpolation="bilinear" if expected["interpolation"] == "bilinear" else "bicubic",
        config=config,
    )


def no_drop_path(name: str) -> UserError:
    """Return the error that an encoder has no residual blocks to drop."""
    return UserError(f"The encoder {name} has no stochastic depth: set drop_path to 0.")


def no_tokens(name: str, pooling: str) -> UserError:
    """Return the error that an encoder has no tokens to pool."""
    return UserError(
        f"The encoder {name} is no vision transformer of tokens: leave ':{pooling}' out."
    )


def _creator(
    timm: Any, model: str, config: dict[str, Any] | None
) -> tuple[Callable[..., Any], dict[str, Any] | None]:
    create = partial(timm.create_model, pretrained=False, num_classes=0)
    if model.startswith("hf-hub:"):
        config = config or model_config(model.removeprefix("hf-hub:"))
        architecture, known = config["architecture"], config["pretrained_cfg"]
        expected = {key: _frozen(known[key]) for key in _CONFIG if key in known}
        create = partial(create, pretrained_cfg=expected, **config.get("model_args", {}))
        create = partial(create, num_classes=0)  # whatever the config says
    else:
        architecture = model.removeprefix("timm/")
    if ":" in architecture or not timm.is_model(architecture):
        close = get_close_matches(architecture, timm.list_models(), n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        if ":" in architecture:
            hint = f" After a network's name, ':' takes {', '.join(POOLINGS)}, then ':' a size."
        raise UserError(
            f"timm {timm.__version__} has no model '{architecture}'.{hint} timm.list_models() "
            "names all."
        )
    return partial(create, architecture), config


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _build(create: Callable[..., Any]) -> Any:
    *others, last = _SIZES
    for sizes in others:
        try:
            return create(**sizes)
        except TypeError:
            continue
    return create(**last)


def _check_pooling(name: str, network: Any, pooling: str) -> None:
    prefix = getattr(network, "num_prefix_tokens", None)
    if prefix is None:
        raise no_tokens(name, pooling)
    if "cls" in pooling and getattr(network, "cls_token", None) is None:
        raise UserError(f"The encoder {name} has no class token: use ':mean', or no pooling.")
