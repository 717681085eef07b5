"""Where in an image a class was found: Grad-CAM, by captum.

Convolutional networks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) on the last feature maps.
Vision transformers have no such maps: gradient times activation of the patch tokens that enter the
last block, summed over features (HiResCAM, Draelos and Carin 2020, arXiv 2011.08891).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from twinlens.errors import UserError, require
from twinlens.inference.forward import eval_mode
from twinlens.models.encoders import Encoder
from twinlens.types import Images, Labels
from twinlens.views.view import normalise

Heat = Float[Tensor, "batch height width"]


def grad_cam(encoder: Encoder, head: nn.Module, images: Images, classes: Labels) -> Heat:
    """Return what speaks for a class, by place in each image.

    Args:
        encoder: From normalised images to features.
        head: From features to logits.
        images: Clean views in [0, 1], on the encoder's device.
        classes: The class of each image to explain, such as the predicted one.

    Returns:
        From 0 to 1, where 1 is the strongest place of an image; all 0 where nothing speaks for the
        class. Same size as the images.

    Raises:
        UserError: captum is not installed, or the encoder has no feature maps to look at.
    """
    attr = require("captum.attr", extra="explain")
    x = normalise(images, encoder.mean, encoder.std)
    model = nn.Sequential(encoder, head)
    with eval_mode(encoder, head), torch.enable_grad():
        tokens = _last_tokens(encoder)
        if tokens is not None:
            by_token = attr.LayerGradientXActivation(model, tokens).attribute(x, target=classes)
            heat = _grid(encoder, by_token.sum(dim=2))
        else:
            heat = attr.LayerGradCam(model, _last_maps(encoder, x[:1])).attribute(x, target=classes)
    heat = interpolate(heat.detach().relu(), x.shape[2:], mode="bilinear", align_corners=False)
    heat = heat[:, 0]
    scaled: Heat = heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    return scaled


def _last_tokens(encoder: Encoder) -> nn.Module | None:
    """Return the first layer of a vision transformer's last block; None for other networks."""
    network = encoder.network
    if not hasattr(network, "num_prefix_tokens"):  # as timm names it
        return None
    (*_, last) = network.blocks.children()  # type: ignore[union-attr]
    norm: nn.Module | None = getattr(last, "norm1", None)
    return norm


def _grid(encoder: Encoder, tokens: Float[Tensor, "batch token"]) -> Tensor:
    """Arrange patch tokens as a picture, shape (batch, 1, row, column)."""
    prefix: int = encoder.network.num_prefix_tokens  # type: ignore[assignment]
    patches = tokens[:, prefix:]
    side = round(patches.shape[1] ** 0.5)
    return patches.reshape(len(patches), 1, side, side)


def _last_maps(encoder: Encoder, x: Images) -> nn.Module:
    """Return the last module whose output are feature maps of more than one place.

    Raises:
        UserError: There is none.
    """
    found: list[nn.Module] = []

    def note(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1:
            found.append(module)

    with _hooked(encoder.network, note), torch.no_grad():
        encoder(x)
    if not found or getattr(encoder.network, "output_fmt", "NCHW") != "NCHW":
        raise UserError(
            f"What {encoder.name} looks at cannot be shown: it has no feature maps by place."
        )
    return found[-1]


@contextmanager
def _hooked(network: nn.Module, hook: object) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in network.modules()]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
