"""The base of all augmentations.

An operation holds its settings. It turns `NUMBERS` uniform numbers per image into what is applied
(`draw`). Geometric operations contribute a matrix to one warp; photometric ones change the pixels.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from torch import Tensor

from twinlens.config import Config
from twinlens.types import Images, Uniforms


def ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    """Check that a range does not end before it begins."""
    if bounds[0] > bounds[1]:
        raise ValueError("the first number must not be above the second")
    return bounds


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[float, float], AfterValidator(ordered)]
Shares = Annotated[tuple[Share, Share], AfterValidator(ordered)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]

PerImage = Float[Tensor, " batch"]
Matrices = Float[Tensor, "batch 2 3"]
"""Affine maps from a point (x, y) of the view to a point of the image, in [-1, 1] on each side."""


class Draw(NamedTuple):
    """What was drawn for a batch, on the CPU.

    Attributes:
        applied: Which images are changed.
        numbers: How: one number per image in each tensor; lengths as shares of the image's sides.
    """

    applied: Bool[Tensor, " batch"]
    numbers: tuple[PerImage, ...] = ()


class Operation(Config):
    """An augmentation: its settings, and what follows from them."""

    TITLE: ClassVar[str]
    NUMBERS: ClassVar[int]

    @abstractmethod
    def draw(self, uniforms: Uniforms, aspect: float) -> Draw:
        """Turn uniform numbers into what is applied.

        Args:
            uniforms: Shape (batch, `NUMBERS`).
            aspect: Width of the images over their height.
        """

    @abstractmethod
    def probability(self) -> float:
        """Return the probability that an image is changed."""

    def details(self) -> list[str]:
        """Describe the settings for a report, one line each."""
        return []

    def shared(self) -> slice:
        """Return which of the uniform numbers all images of a batch share; by default none."""
        return slice(0)


class Geometric(Operation):
    """An operation that moves pixels; together they are one warp."""

    @abstractmethod
    def matrices(self, draw: Draw, aspect: float) -> Matrices:
        """Return the affine map of each image, the identity where it is not changed.

        Args:
            draw: What was drawn.
            aspect: Width of the views over their height.
        """


class Photometric(Operation):
    """An operation that changes the values of pixels."""

    @abstractmethod
    def apply(self, images: Images, *numbers: PerImage) -> Images:
        """Return images in [0, 1] changed by the numbers that were drawn for each."""


class WithProbability(Operation):
    """An operation that is applied with a probability, by numbers that are uniform in ranges.

    Attributes:
        p: Probability of the operation.
    """

    p: Share = 0.0

    def ranges(self) -> Sequence[tuple[float, float]]:
        """Return the range of each number: the same count for all settings."""
        return ()

    def draw(self, uniforms: Uniforms, aspect: float) -> Draw:  # noqa: ARG002
        """Decide for each image, and draw its numbers; see `Operation.draw`."""
        numbers = [between(uniforms[:, i], r) for i, r in enumerate(self.ranges(), start=1)]
        applied = torch.from_numpy(uniforms[:, 0] < self.p)
        return Draw(applied, tuple(map(torch.from_numpy, numbers)))

    def probability(self) -> float:
        """Return the probability that an image is changed."""
        return self.p


def between(
    uniforms: Float[np.ndarray, "*any"], bounds: tuple[float, float]
) -> NDArray[np.float32]:
    """Map numbers in [0, 1) to a range."""
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    return low + (high - low) * uniforms


def per_pixel(values: PerImage) -> Float[Tensor, "batch 1 1 1"]:
    """Return one number per image in a shape that is broadcast over its pixels."""
    return values[:, None, None, None]


def affine(*rows: Sequence[PerImage]) -> Matrices:
    """Return matrices of two rows of three entries."""
    return torch.stack([torch.stack(tuple(row), dim=1) for row in rows], dim=1)


def range_text(bounds: tuple[float, float]) -> str:
    """Format a range, such as "0.3 to 1"."""
    low, high = (f"{bound:.3g}".replace("-", "−") for bound in bounds)
    return low if low == high else f"{low} to {high}"
