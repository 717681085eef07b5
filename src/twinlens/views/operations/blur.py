"""Gaussian blur, with a standard deviation per image."""

from collections.abc import Sequence
from math import ceil
from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from pydantic import AfterValidator, Field, model_validator

from twinlens.types import Images, Uniforms
from twinlens.views.operations.operation import (
    Draw,
    PerImage,
    Photometric,
    PositiveRange,
    WithProbability,
    range_text,
)


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("the number must be odd")
    return number


class Blur(WithProbability, Photometric):
    """Blur by a Gaussian, in proportion to the view, so that it removes the same detail.

    Attributes:
        sigma: Its standard deviation in pixels of a view of `size`.
        kernel: Its kernel's width in the same pixels, odd, at most `size`.
        size: Side of the view that the two numbers above are meant for, in pixels.
        per_batch: Whether the images of a batch share one standard deviation.
    """

    TITLE: ClassVar = "Blur"
    NUMBERS: ClassVar = 2

    sigma: PositiveRange = (0.1, 2.0)
    kernel: Annotated[int, Field(ge=1), AfterValidator(_odd)] = 13
    size: Annotated[int, Field(ge=1)] = 256
    per_batch: bool = False

    @model_validator(mode="after")
    def _kernel_fits(self) -> "Blur":
        if self.kernel > self.size:
            raise ValueError(
                f"the blur's kernel {self.kernel} is wider than the view of size {self.size}; "
                "give at most its size"
            )
        return self

    def ranges(self) -> Sequence[tuple[float, float]]:
        """Return the range of the standard deviation, in pixels of a view of `size`."""
        return (self.sigma,)

    def shared(self) -> slice:
        """Return all numbers but the decision, or none; see `Operation.shared`."""
        return slice(1, None) if self.per_batch else slice(0)

    def draw(self, uniforms: Uniforms, aspect: float) -> Draw:
        """Draw standard deviations as shares of the view's shorter side; see `Operation.draw`."""
        applied, (sigma,) = super().draw(uniforms, aspect)
        return Draw(applied, (torch.from_numpy(sigma.numpy() / np.float32(self.size)),))

    def apply(self, images: Images, *numbers: PerImage) -> Images:
        """Blur by standard deviations in shares of the shorter side; see `Photometric.apply`."""
        side = min(images.shape[-2:])
        return gaussian_blur(images, numbers[0] * side, ceil(self.kernel // 2 / self.size * side))

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        lines = [f"σ {range_text(self.sigma)} px of {self.size}", f"kernel {self.kernel} px"]
        return lines + ["one draw per batch"] * self.per_batch


def gaussian_blur(images: Images, sigma: PerImage, radius: int) -> Images:
    """Convolve each image with a Gaussian, truncated at `radius` and normalised.

    Edges are mirrored without repeating the border pixel (d c b | a b c d | c b a), as torchvision
    and Kornia do.

    Args:
        images: The batch; every side longer than `radius`.
        sigma: Standard deviation in pixels, above 0.
        radius: Pixels on each side of the centre: a kernel of 2 * radius + 1.
    """
    batch, channels, height, width = images.shape
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, dim=0)
    # One grouped convolution, each channel of each image a group: along rows, then along columns.
    planes = F.pad(images, [radius] * 4, mode="reflect").flatten(0, 1)[None]
    planes = F.conv2d(planes, kernel[:, None, None, :], groups=len(kernel))
    planes = F.conv2d(planes, kernel[:, None, :, None], groups=len(kernel))
    return planes.view(batch, channels, height, width)
