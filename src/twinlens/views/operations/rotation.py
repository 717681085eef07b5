"""Rotation about the centre of the view."""

from collections.abc import Sequence
from typing import ClassVar

import torch

from twinlens.views.operations.operation import (
    Draw,
    Geometric,
    Matrices,
    Range,
    WithProbability,
    affine,
    range_text,
)


class Rotation(WithProbability, Geometric):
    """Rotate; the corners show what lies around a crop, where the image has it.

    Attributes:
        degrees: Range of the angle, counter-clockwise.
    """

    TITLE: ClassVar = "Rotate"
    NUMBERS: ClassVar = 2

    degrees: Range = (0.0, 0.0)

    def ranges(self) -> Sequence[tuple[float, float]]:
        """Return the range of the angle."""
        return (self.degrees,)

    def matrices(self, draw: Draw, aspect: float) -> Matrices:
        """Rotate the view's pixels, which are square; see `Geometric.matrices`."""
        angle = (draw.applied * draw.numbers[0]).deg2rad()
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        return affine((cos, -sin / aspect, zero), (sin * aspect, cos, zero))

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        return [f"{range_text(self.degrees)}°"]
