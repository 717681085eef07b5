"""Random resized crop, as torchvision draws it, but not rounded to whole pixels."""

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import AfterValidator, Field

from twinlens.types import Uniforms
from twinlens.views.operations.operation import (
    Draw,
    Geometric,
    Matrices,
    PositiveRange,
    Share,
    affine,
    between,
    ordered,
    range_text,
)

ATTEMPTS = 10
"""Boxes that are tried before a crop falls back to the centre of the image, as in torchvision."""

_PositiveShare = Annotated[Share, Field(gt=0)]


class Crop(Geometric):
    """Crop a box and resize it to the view.

    Attributes:
        scale: Area of the crop as a share of the image's.
        ratio: Width over height of the crop, uniform in its logarithm.
        per_batch: Whether the images of a batch share one box.
    """

    TITLE: ClassVar = "Crop"
    NUMBERS: ClassVar = 2 * ATTEMPTS + 2

    scale: Annotated[tuple[_PositiveShare, _PositiveShare], AfterValidator(ordered)] = (1.0, 1.0)
    ratio: PositiveRange = (3 / 4, 4 / 3)
    per_batch: bool = False

    def draw(self, uniforms: Uniforms, aspect: float) -> Draw:
        """Draw left, top, width and height of the boxes, as shares of the image's sides.

        Area and ratio are drawn until the box fits, at most `ATTEMPTS` times; failing that, the
        box is the largest one in the centre of the image whose ratio is allowed.
        """
        for_area, for_ratio, position = np.split(uniforms.copy(), [ATTEMPTS, 2 * ATTEMPTS], axis=1)
        area = between(for_area, self.scale)
        low, high = np.log(self.ratio)
        # A ratio in pixels becomes one in shares of the image's sides.
        ratio = np.exp(between(for_ratio, (low, high))) / np.float32(aspect)
        sides = np.sqrt(np.stack([area * ratio, area / ratio], axis=2))
        fits = np.all(sides <= 1, axis=2)
        first = np.arange(len(sides)), fits.argmax(axis=1)
        size, misfit = sides[first], ~fits[first]
        central = np.clip(aspect, *self.ratio) / aspect
        size[misfit] = min(1.0, central), min(1.0, 1 / central)
        position[misfit] = 0.5
        box = torch.from_numpy(np.concatenate([position * (1 - size), size], axis=1))
        return Draw(torch.ones(len(box), dtype=torch.bool), box.unbind(1))

    def matrices(self, draw: Draw, aspect: float) -> Matrices:  # noqa: ARG002
        """Scale the view to the box and move it there; see `Geometric.matrices`."""
        left, top, width, height = draw.numbers
        zero = torch.zeros_like(left)
        return affine((width, zero, 2 * left + width - 1), (zero, height, 2 * top + height - 1))

    def shared(self) -> slice:
        """Return all numbers, or none; see `Operation.shared`."""
        return slice(None) if self.per_batch else slice(0)

    def probability(self) -> float:
        """Return 1, or 0 if the box is the whole image."""
        return float(self.scale != (1, 1))

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        lines = [f"area {range_text(self.scale)}", f"width/height {range_text(self.ratio)}"]
        return lines + ["one draw per batch"] * self.per_batch
