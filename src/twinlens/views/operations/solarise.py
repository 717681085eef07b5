"""Solarising: bright values are inverted, as Kornia does."""

from collections.abc import Sequence
from typing import ClassVar

import torch

from twinlens.types import Images
from twinlens.views.operations.operation import (
    PerImage,
    Photometric,
    Range,
    Shares,
    WithProbability,
    per_pixel,
    range_text,
)


class Solarise(WithProbability, Photometric):
    """Add and clamp, then invert every value that is not below the threshold.

    Attributes:
        threshold: Values from here on are inverted.
        addition: Added to all values before.
    """

    TITLE: ClassVar = "Solarise"
    NUMBERS: ClassVar = 3

    threshold: Shares = (0.5, 0.5)
    addition: Range = (0.0, 0.0)

    def ranges(self) -> Sequence[tuple[float, float]]:
        """Return the ranges of threshold and addition."""
        return self.threshold, self.addition

    def apply(self, images: Images, *numbers: PerImage) -> Images:
        """Solarise by thresholds and additions; see `Photometric.apply`."""
        threshold, addition = map(per_pixel, numbers)
        shifted = (images + addition).clamp_(0, 1)
        return torch.where(shifted < threshold, shifted, 1 - shifted)

    def details(self) -> list[str]:
        """Describe the settings; see `Operation.details`."""
        added = [f"added {range_text(self.addition)}"] if any(self.addition) else []
        return [f"from {range_text(self.threshold)}", *added]
