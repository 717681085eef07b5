"""Colour operations on a batch, one number an image: torchvision's definitions in [0, 1]."""

import torch
from jaxtyping import Float
from torch import Tensor

from twinlens.types import Images

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601."""

PerImage = Float[Tensor, " batch"]


def jitter(
    images: Images, brightness: PerImage, contrast: PerImage, saturation: PerImage, hue: PerImage
) -> Images:
    """Adjust brightness, contrast, saturation and hue, always in this order.

    torchvision draws the order anew for each image; a fixed one keeps the batch together.
    """
    images = adjust_brightness(images, brightness)
    images = adjust_contrast(images, contrast)
    images = adjust_saturation(images, saturation)
    return adjust_hue(images, hue)


def adjust_brightness(images: Images, factor: PerImage) -> Images:
    """Multiply by `factor`, clamped: 0 is black, 1 changes nothing."""
    return (images * _spread(factor)).clamp_(0, 1)


def adjust_contrast(images: Images, factor: PerImage) -> Images:
    """Blend with the image's mean grey, clamped: 0 is flat, 1 changes nothing."""
    return torch.lerp(luma(images).mean((2, 3), keepdim=True), images, _spread(factor)).clamp_(0, 1)


def adjust_saturation(images: Images, factor: PerImage) -> Images:
    """Blend with the grey image, clamped: 0 is grey, 1 changes nothing."""
    return torch.lerp(luma(images), images, _spread(factor)).clamp_(0, 1)


def adjust_hue(images: Images, shift: PerImage) -> Images:
    """Turn the hue of HSV by `shift` of a full circle, in [-0.5, 0.5].

    With V the largest channel, C = V minus the smallest, and H the hue in sixths of the circle,
    a channel is V - C * clamp(min(k, 4 - k), 0, 1), k = (n + H) mod 6, where n is 5 for red,
    3 for green and 1 for blue.
    """
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    divisor = chroma.clamp(min=1e-12)  # a grey pixel has no hue, and needs none
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue += 6 * shift[:, None, None]
    channels = []
    for n in (5, 3, 1):
        k = (hue + n).remainder_(6)
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp_(0, 1))
    return torch.stack(channels, dim=1)


def grey(images: Images) -> Images:
    """Replace all three channels by their luma."""
    return luma(images).expand_as(images)


def luma(images: Images) -> Float[Tensor, "batch 1 height width"]:
    """Return the grey image of ITU-R BT.601."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def solarise(images: Images, threshold: PerImage, addition: PerImage) -> Images:
    """Add and clamp, then invert every value that is not below the threshold (as Kornia does)."""
    lifted = (images + _spread(addition)).clamp_(0, 1)
    return torch.where(lifted < _spread(threshold), lifted, 1 - lifted)


def _spread(values: PerImage) -> Float[Tensor, "batch 1 1 1"]:
    return values[:, None, None, None]
