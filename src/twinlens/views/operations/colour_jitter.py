"""Colour jitter, by torchvision's definitions in [0, 1]."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from twinlens.types import Images
from twinlens.views.operations.grey import luma
from twinlens.views.operations.operation import (
    PerImage,
    Photometric,
    WithProbability,
    per_pixel,
)

_Strength = Annotated[float, Field(ge=0)]


class ColourJitter(WithProbability, Photometric):
    """Adjust brightness, contrast, saturation and hue, always in this order.

    torchvision draws the order anew for each image; a fixed one keeps the batch together.

    Attributes:
        brightness: b of a factor from max(0, 1 - b) to 1 + b.
        contrast: The same for contrast.
        saturation: The same for saturation.
        hue: Largest shift of the hue either way, as a share of the circle, up to 0.5.
    """

    TITLE: ClassVar = "Colour jitter"
    NUMBERS: ClassVar = 5

    brightness: _Strength = 0.0
    contrast: _Strength = 0.0
    saturation: _Strength = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0

    def ranges(self) -> Sequence[tuple[float, float]]:
        """Return the ranges of the three factors and of the shift of the hue."""
        strengths = (self.brightness, self.contrast, self.saturation)
        return *((max(0.0, 1 - s), 1 + s) for s in strengths), (-self.hue, self.hue)

    def apply(self, images: Images, *numbers: PerImage) -> Images:
        """Adjust by three factors and a shift; see `Photometric.apply`."""
        brightness, contrast, saturation, hue = numbers
        images = adjust_brightness(images, brightness)
        images = adjust_contrast(images, contrast)
        images = adjust_saturation(images, saturation)
        return adjust_hue(images, hue)

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        parts = ("brightness", "contrast", "saturation", "hue")
        return [f"{part} {getattr(self, part):g}" for part in parts]


def adjust_brightness(images: Images, factor: PerImage) -> Images:
    """Multiply by `factor`, clamped: 0 is black, 1 changes nothing."""
    return (images * per_pixel(factor)).clamp_(0, 1)


def adjust_contrast(images: Images, factor: PerImage) -> Images:
    """Blend with the image's mean grey, clamped: 0 is flat, 1 changes nothing."""
    return torch.lerp(luma(images).mean((2, 3), keepdim=True), images, per_pixel(factor)).clamp_(
        0, 1
    )


def adjust_saturation(images: Images, factor: PerImage) -> Images:
    """Blend with the grey image, clamped: 0 is grey, 1 changes nothing."""
    return torch.lerp(luma(images), images, per_pixel(factor)).clamp_(0, 1)


def adjust_hue(images: Images, shift: PerImage) -> Images:
    """Shift the hue of HSV by a share of the full circle, in [-0.5, 0.5].

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
