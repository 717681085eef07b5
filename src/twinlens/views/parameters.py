"""What may be drawn for a view (the recipe), and what was drawn (the draws)."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor

from twinlens.config import Config
from twinlens.types import Uniforms


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the first number must not be above the second")
    return bounds


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("the number must be odd")
    return number


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
PositiveShares = Annotated[
    tuple[Annotated[Share, Field(gt=0)], Annotated[Share, Field(gt=0)]], AfterValidator(_ordered)
]


class ViewRecipe(Config):
    """How one view of an image is made; the default leaves a square image as it is.

    The steps, in order: crop, flips and rotation (one warp), colour jitter, grey, blur, solarise.
    A probability is an image's chance of that step; a pair of numbers is a uniform range.

    Attributes:
        crop_scale: Area of the crop as a share of the image's.
        crop_ratio: Width over height of the crop, uniform in its logarithm.
        flip_p: Probability of mirroring left and right.
        vertical_flip_p: Probability of mirroring top and bottom.
        rotate_p: Probability of a rotation.
        rotate_degrees: Its angle, counter-clockwise.
        jitter_p: Probability of colour jitter, all four parts together.
        brightness: b of a factor from max(0, 1 - b) to 1 + b.
        contrast: The same for contrast.
        saturation: The same for saturation.
        hue: Largest turn of the hue either way, as a share of the circle, up to 0.5.
        grey_p: Probability of losing all colour.
        blur_p: Probability of a Gaussian blur.
        blur_sigma: Its standard deviation in pixels of a view of `blur_size`.
        blur_kernel: Its kernel's width in the same pixels, odd, at most `blur_size`.
        blur_size: Side of the view that the two numbers above are meant for. They grow and shrink
            with the view, so that a blur removes the same detail at every size.
        solarise_p: Probability of solarising.
        solarise_threshold: Values from here on are inverted.
        solarise_addition: Added to all values before.
        per_batch: Draws made once a step and shared by its batch, rather than once an image. The
            paper's code does so; views then still do not depend on the other images.
    """

    crop_scale: PositiveShares = (1.0, 1.0)
    crop_ratio: PositiveRange = (3 / 4, 4 / 3)
    flip_p: Share = 0.0
    vertical_flip_p: Share = 0.0
    rotate_p: Share = 0.0
    rotate_degrees: Range = (0.0, 0.0)
    jitter_p: Share = 0.0
    brightness: Annotated[float, Field(ge=0)] = 0.0
    contrast: Annotated[float, Field(ge=0)] = 0.0
    saturation: Annotated[float, Field(ge=0)] = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    grey_p: Share = 0.0
    blur_p: Share = 0.0
    blur_sigma: PositiveRange = (0.1, 2.0)
    blur_kernel: Annotated[int, Field(ge=1), AfterValidator(_odd)] = 13
    blur_size: Annotated[int, Field(ge=1)] = 256
    solarise_p: Share = 0.0
    solarise_threshold: Shares = (0.5, 0.5)
    solarise_addition: Range = (0.0, 0.0)
    per_batch: tuple[Literal["crop", "blur_sigma"], ...] = ()

    @model_validator(mode="after")
    def _kernel_fits(self) -> Self:
        if self.blur_kernel > self.blur_size:
            raise ValueError(
                f"blur_kernel {self.blur_kernel} is wider than the view of blur_size "
                f"{self.blur_size}; give at most its size"
            )
        return self


@dataclass(frozen=True)
class Draws:
    """What was drawn for a batch: CPU tensors with one entry an image, lengths as shares.

    Attributes:
        box: Left, top, width and height of the crop as shares of the image's sides.
        flip: Mirror left and right.
        vertical_flip: Mirror top and bottom.
        angle: Rotation, counter-clockwise in degrees; 0 for none.
        jitter: Whether the colours are jittered.
        brightness: Factor.
        contrast: Factor.
        saturation: Factor.
        hue: Share of the circle.
        grey: Whether colour is lost.
        sigma: Of the blur, as a share of the view's shorter side; 0 for none.
        solarise: Whether it is solarised.
        threshold: Of solarising.
        addition: Of solarising.
        blur_radius: Half the kernel's width as a share of the view's shorter side, for all images.
    """

    box: Float[Tensor, "batch 4"]
    flip: Bool[Tensor, " batch"]
    vertical_flip: Bool[Tensor, " batch"]
    angle: Float[Tensor, " batch"]
    jitter: Bool[Tensor, " batch"]
    brightness: Float[Tensor, " batch"]
    contrast: Float[Tensor, " batch"]
    saturation: Float[Tensor, " batch"]
    hue: Float[Tensor, " batch"]
    grey: Bool[Tensor, " batch"]
    sigma: Float[Tensor, " batch"]
    solarise: Bool[Tensor, " batch"]
    threshold: Float[Tensor, " batch"]
    addition: Float[Tensor, " batch"]
    blur_radius: float


CROP_ATTEMPTS = 10
"""Boxes tried before a crop falls back to the middle of the image, as in torchvision."""

_CROP = 2 * CROP_ATTEMPTS + 2
_SINGLE = (
    *("flip", "vertical_flip", "rotate", "angle"),
    *("jitter", "brightness", "contrast", "saturation", "hue"),
    *("grey", "blur", "blur_sigma", "solarise", "threshold", "addition"),
)
COLUMNS = {"crop": slice(0, _CROP)} | {
    name: slice(i, i + 1) for i, name in enumerate(_SINGLE, start=_CROP)
}
"""Which of an image's numbers decide what: the same for all recipes, so that arms stay paired."""

COUNT = _CROP + len(_SINGLE)
"""Numbers that `draw` needs for each image."""


def draw(recipe: ViewRecipe, uniforms: Uniforms, height: int, width: int) -> Draws:
    """Turn numbers in [0, 1) into what a recipe allows.

    Args:
        recipe: What may be drawn.
        uniforms: Shape (batch, COUNT).
        height: Of the images, in pixels; with `width` it relates a box's ratio to the image.
        width: Of the images, in pixels.
    """
    u = {name: uniforms[:, COLUMNS[name].start] for name in _SINGLE}
    sigma = _between(u["blur_sigma"], recipe.blur_sigma) / np.float32(recipe.blur_size)
    drawn = {
        "box": _boxes(recipe, uniforms[:, COLUMNS["crop"]], width / height),
        "flip": u["flip"] < recipe.flip_p,
        "vertical_flip": u["vertical_flip"] < recipe.vertical_flip_p,
        "angle": (u["rotate"] < recipe.rotate_p) * _between(u["angle"], recipe.rotate_degrees),
        "jitter": u["jitter"] < recipe.jitter_p,
        "brightness": _factor(u["brightness"], recipe.brightness),
        "contrast": _factor(u["contrast"], recipe.contrast),
        "saturation": _factor(u["saturation"], recipe.saturation),
        "hue": _between(u["hue"], (-recipe.hue, recipe.hue)),
        "grey": u["grey"] < recipe.grey_p,
        "sigma": (u["blur"] < recipe.blur_p) * sigma,
        "solarise": u["solarise"] < recipe.solarise_p,
        "threshold": _between(u["threshold"], recipe.solarise_threshold),
        "addition": _between(u["addition"], recipe.solarise_addition),
    }
    radius = recipe.blur_kernel // 2 / recipe.blur_size
    return Draws(**{k: torch.from_numpy(v) for k, v in drawn.items()}, blur_radius=radius)


def _boxes(recipe: ViewRecipe, uniforms: Uniforms, aspect: float) -> NDArray[np.float32]:
    """Draw crop boxes as torchvision does, but not rounded to whole pixels.

    Area and ratio are drawn until the box fits, at most `CROP_ATTEMPTS` times; failing that, the
    box is the largest one in the middle of the image whose ratio is allowed.

    Args:
        recipe: Gives the ranges.
        uniforms: Shape (batch, 2 * CROP_ATTEMPTS + 2).
        aspect: The image's width over its height.
    """
    for_area, for_ratio, position = np.split(
        uniforms.copy(), [CROP_ATTEMPTS, 2 * CROP_ATTEMPTS], axis=1
    )
    area = _between(for_area, recipe.crop_scale)
    low, high = np.log(recipe.crop_ratio)
    # A ratio in pixels becomes one in shares of the image's sides.
    ratio = np.exp(_between(for_ratio, (low, high))) / np.float32(aspect)
    sides = np.sqrt(np.stack([area * ratio, area / ratio], axis=2))
    fits: NDArray[np.bool_] = np.all(sides <= 1, axis=2)
    first = np.arange(len(sides)), fits.argmax(axis=1)
    size, misfit = sides[first], ~fits[first]
    middle = np.clip(aspect, *recipe.crop_ratio) / aspect
    size[misfit] = min(1.0, middle), min(1.0, 1 / middle)
    position[misfit] = 0.5
    return np.concatenate([position * (1 - size), size], axis=1)


def _factor(uniforms: Uniforms, strength: float) -> NDArray[np.float32]:
    return _between(uniforms, (max(0.0, 1 - strength), 1 + strength))


def _between(uniforms: Uniforms, bounds: tuple[float, float]) -> NDArray[np.float32]:
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    return low + (high - low) * uniforms
