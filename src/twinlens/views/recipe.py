"""A recipe of views: which operations, with which settings, in which order."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twinlens.config import Config
from twinlens.seeds import derive, uniforms
from twinlens.types import Rows, Uniforms
from twinlens.views.operations.blur import Blur
from twinlens.views.operations.colour_jitter import ColourJitter
from twinlens.views.operations.crop import Crop
from twinlens.views.operations.flip import HorizontalFlip, VerticalFlip
from twinlens.views.operations.grey import Grey
from twinlens.views.operations.operation import Draw, Operation
from twinlens.views.operations.rand_augment import RandAugment
from twinlens.views.operations.rotation import Rotation
from twinlens.views.operations.solarise import Solarise


class ViewRecipe(Config):
    """How one view of an image is made; the default leaves a square image as it is.

    Each field is an operation, applied in this order; crop, flips and rotation are one warp. A new
    operation is a file in `views.operations` and a field at the end, so that the random numbers of
    the others stay the same.
    """

    crop: Crop = Crop()
    horizontal_flip: HorizontalFlip = HorizontalFlip()
    vertical_flip: VerticalFlip = VerticalFlip()
    rotation: Rotation = Rotation()
    colour_jitter: ColourJitter = ColourJitter()
    grey: Grey = Grey()
    blur: Blur = Blur()
    solarise: Solarise = Solarise()
    rand_augment: RandAugment = RandAugment()

    def operations(self) -> dict[str, Operation]:
        """Return the operations by name, in their order."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings with some changed, for parsing: by operation, key by key."""
        settings: dict[str, Any] = self.model_dump()
        for name, change in changes.items():
            both = isinstance(change, Mapping) and name in settings
            settings[name] = settings[name] | dict(change) if both else change
        return settings


Draws = dict[str, Draw]
"""What was drawn for each operation, by its name."""

_STARTS = np.cumsum([0, *(o.NUMBERS for o in ViewRecipe().operations().values())])

COUNT = int(_STARTS[-1])
"""Uniform numbers per image: the same for all recipes, so that arms stay paired."""


def draw(recipe: ViewRecipe, numbers: Uniforms, height: int, width: int) -> Draws:
    """Turn uniform numbers into what each operation applies.

    Args:
        recipe: The settings.
        numbers: Shape (batch, COUNT).
        height: Of the images, in pixels; with `width` it relates a box's ratio to the image.
        width: Of the images, in pixels.
    """
    return {
        name: operation.draw(numbers[:, start : start + operation.NUMBERS], width / height)
        for start, (name, operation) in zip(_STARTS, recipe.operations().items(), strict=False)
    }


def random_numbers(recipe: ViewRecipe, rows: Rows, seed: int, step: int) -> Uniforms:
    """Return the uniform numbers of each image, some of them shared where the recipe says so.

    Args:
        recipe: Its operations say which numbers a batch shares.
        rows: Row number of each image.
        seed: Seed of the view.
        step: Optimiser step.
    """
    numbers = uniforms(seed, step, rows, COUNT)
    batch = uniforms(derive(seed, "batch"), step, rows[:1] * 0, COUNT)
    for start, operation in zip(_STARTS, recipe.operations().values(), strict=False):
        shared = np.arange(start, start + operation.NUMBERS)[operation.shared()]
        numbers[:, shared] = batch[:, shared]
    return numbers
