"""Mirroring: left and right, or top and bottom."""

from typing import ClassVar

import torch

from twinlens.views.operations.operation import Draw, Geometric, Matrices, WithProbability, affine


class HorizontalFlip(WithProbability, Geometric):
    """Mirror left and right."""

    TITLE: ClassVar = "Flip left and right"
    NUMBERS: ClassVar = 1
    SIDES: ClassVar = (-1.0, 1.0)

    def matrices(self, draw: Draw, aspect: float) -> Matrices:  # noqa: ARG002
        """Change the sign of an axis; see `Geometric.matrices`."""
        x, y = (torch.where(draw.applied, side, 1.0) for side in self.SIDES)
        zero = torch.zeros_like(x)
        return affine((x, zero, zero), (zero, y, zero))


class VerticalFlip(HorizontalFlip):
    """Mirror top and bottom."""

    TITLE: ClassVar = "Flip top and bottom"
    SIDES: ClassVar = (1.0, -1.0)
