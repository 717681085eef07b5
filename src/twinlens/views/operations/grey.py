"""Loss of colour."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from twinlens.types import Images
from twinlens.views.operations.operation import PerImage, Photometric, WithProbability

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601."""


class Grey(WithProbability, Photometric):
    """Replace all three channels by their luma."""

    TITLE: ClassVar = "Grey"
    NUMBERS: ClassVar = 1

    def apply(self, images: Images, *numbers: PerImage) -> Images:  # noqa: ARG002
        """Return grey images; see `Photometric.apply`."""
        return luma(images).expand_as(images)


def luma(images: Images) -> Float[Tensor, "batch 1 height width"]:
    """Return the grey image of ITU-R BT.601."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]
