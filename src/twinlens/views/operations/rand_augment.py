"""RandAugment, without the operations that recolour an image."""

from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from pydantic import Field

from twinlens.types import Images, Uniforms
from twinlens.views.operations.colour_jitter import adjust_brightness, adjust_contrast
from twinlens.views.operations.operation import (
    Draw,
    Geometric,
    Matrices,
    PerImage,
    Photometric,
    Share,
    affine,
    between,
    per_pixel,
)

_LARGEST = {
    "shear_x": 0.3,
    "shear_y": 0.3,
    "translate_x": 150 / 331,
    "translate_y": 150 / 331,
    "rotate": 30.0,
    "brightness": 0.9,
    "contrast": 0.9,
    "sharpness": 0.9,
}
"""The largest change by operation, as in torchvision: shears, shares of the side, degrees, factors.

Left out, because they recolour: colour, posterise, solarise, equalise, autocontrast."""


class RandAugment(Geometric, Photometric):
    """Apply some operations, chosen anew for each image (Cubuk et al. 2020, arXiv 1909.13719).

    Shears, shifts and rotation join the warp; brightness, contrast and sharpness follow it.

    Attributes:
        operations: How many of the eight are applied to an image.
        magnitude: Largest change as a share of the largest there is; each is uniform up to it.
    """

    TITLE: ClassVar = "RandAugment without recolouring"
    NUMBERS: ClassVar = 2 * len(_LARGEST)

    operations: Annotated[int, Field(ge=0, le=len(_LARGEST))] = 0
    magnitude: Share = 0.5

    def draw(self, uniforms: Uniforms, aspect: float) -> Draw:  # noqa: ARG002
        """Choose operations and changes; 0 for an operation that is not chosen."""
        chance, position = np.split(uniforms, 2, axis=1)
        chosen = chance.argsort(axis=1).argsort(axis=1) < self.operations
        largest = np.float32(self.magnitude) * np.array([*_LARGEST.values()], np.float32)
        changes = chosen * between(position, (-1, 1)) * largest
        return Draw(
            torch.from_numpy(chosen.any(axis=1)),
            tuple(torch.from_numpy(changes.astype(np.float32)).unbind(1)),
        )

    def probability(self) -> float:
        """Return the probability that an image is changed."""
        return float(self.operations > 0)

    def matrices(self, draw: Draw, aspect: float) -> Matrices:
        """Shear, shift and rotate the view's square pixels; see `Geometric.matrices`."""
        shear_x, shear_y, x, y, degrees, *_ = draw.numbers
        cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
        # Rotation after both shears; the sides run from -1 to 1, so a share of them is twice it.
        return affine(
            (cos - sin * shear_y, (cos * shear_x - sin) / aspect, 2 * x),
            ((sin + cos * shear_y) * aspect, sin * shear_x + cos, 2 * y),
        )

    def apply(self, images: Images, *numbers: PerImage) -> Images:
        """Adjust brightness, contrast and sharpness; see `Photometric.apply`."""
        brightness, contrast, sharpness = (1 + change for change in numbers[-3:])
        images = adjust_contrast(adjust_brightness(images, brightness), contrast)
        return adjust_sharpness(images, sharpness)

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        return [f"{self.operations} of {len(_LARGEST)}", f"magnitude {self.magnitude:g}"]


def adjust_sharpness(images: Images, factor: PerImage) -> Images:
    """Blend with a smoothed image as torchvision does: 0 is smooth, 1 changes nothing.

    The border of one pixel is left as it is.
    """
    kernel = images.new_ones(3, 1, 3, 3)
    kernel[:, :, 1, 1] = 5
    smooth = images.clone()
    if min(images.shape[-2:]) < 3:
        return smooth
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel / kernel[0].sum(), groups=3)
    return torch.lerp(smooth, images, per_pixel(factor)).clamp_(0, 1)
