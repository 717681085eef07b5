"""Views of a batch: the recipes by name, and the functions that follow them.

A view depends on (seed, step, view number, row) and on nothing else: neither on the other images
of the batch nor on the process that makes it.

Where the recipes come from: `official` is Barlow Twins' ImageNet code (Zbontar et al. 2021),
`paper` the text of the further-pretraining paper, `paper-code` its authors' code, `recommended`
what we recommend for small medical images: no crop so tiny that it misses the finding, and, where
pretraining sees no labels, flips both ways and so little change of colour that it keeps its meaning
(docs/results.md has what that is worth on dermatoscopic images).
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from jaxtyping import Bool, Float
from torch import Tensor

from twinlens.config import parse
from twinlens.errors import unknown
from twinlens.seeds import derive, uniforms
from twinlens.types import Images, Rows, Uniforms
from twinlens.views.blur import gaussian_blur
from twinlens.views.colour import grey, jitter, solarise
from twinlens.views.parameters import COLUMNS, COUNT, Draws, ViewRecipe, draw
from twinlens.views.warp import affine, warp

__all__ = [
    "PAIRS",
    "RECIPES",
    "Draws",
    "ViewRecipe",
    "apply",
    "draw",
    "named_pair",
    "named_recipe",
    "normalise",
    "plain",
    "two_views",
    "view",
]

Pair = tuple[ViewRecipe, ViewRecipe]


def _pair(recipe: ViewRecipe) -> Pair:
    """View 1 is always blurred and never solarised; view 2 rarely blurred, at times solarised."""
    return (
        recipe.model_copy(update={"blur_p": 1.0, "solarise_p": 0.0}),
        recipe.model_copy(update={"blur_p": 0.1, "solarise_p": 0.2}),
    )


_PAPER = ViewRecipe(
    crop_scale=(0.7, 1.0),
    flip_p=0.5,
    jitter_p=0.8,
    brightness=0.4,
    contrast=0.4,
    saturation=0.2,
    hue=0.1,
    grey_p=0.2,
    solarise_threshold=(0.4, 0.6),
    solarise_addition=(-0.1, 0.1),
)
_PAPER_CODE = _PAPER.model_copy(
    update={
        "brightness": 0.24,
        "contrast": 0.24,
        "saturation": 0.12,
        "hue": 0.06,
        "rotate_p": 0.5,
        "rotate_degrees": (-45.0, 45.0),
        "per_batch": ("crop", "blur_sigma"),
    }
)

_ROBUST = _PAPER_CODE.model_copy(
    update={
        "crop_scale": (0.3, 1.0),
        "vertical_flip_p": 0.5,
        "brightness": 0.1,
        "contrast": 0.1,
        "saturation": 0.1,
        "hue": 0.02,
        "grey_p": 0.0,
        "solarise_threshold": (0.5, 0.5),
        "solarise_addition": (0.0, 0.0),
        "per_batch": (),
    }
)

PAIRS: dict[str, Pair] = {
    # 224-pixel views; Pillow's solarising inverts from 128 of 255 on and adds nothing.
    "official": _pair(
        _PAPER.model_copy(
            update={
                "crop_scale": (0.08, 1.0),
                "blur_size": 224,
                "solarise_threshold": (128 / 255, 128 / 255),
                "solarise_addition": (0.0, 0.0),
            }
        )
    ),
    "paper": _pair(_PAPER),
    "paper-code": _pair(_PAPER_CODE),
    "recommended": (
        _ROBUST.model_copy(update={"blur_p": 1.0}),
        _ROBUST.model_copy(update={"blur_p": 0.1}),
    ),
}
"""Recipes of the two views for pretraining, by preset."""

_FINE_TUNING = ViewRecipe(
    crop_scale=(0.7, 1.0), flip_p=0.25, rotate_p=0.25, rotate_degrees=(-45.0, 45.0)
)

RECIPES: dict[str, ViewRecipe] = {
    "paper": _FINE_TUNING.model_copy(update={"rotate_degrees": (0.0, 45.0)}),
    "paper-code": _FINE_TUNING.model_copy(update={"per_batch": ("crop",)}),
    "recommended": _FINE_TUNING,
}
"""Recipes for fine-tuning and for test-time views, by preset."""


def named_recipe(name: str, changes: dict[str, Any]) -> ViewRecipe:
    """Return one of `RECIPES` with some of its numbers changed.

    Raises:
        UserError: There is no such recipe or number, or a value is wrong.
    """
    if name not in RECIPES:
        raise unknown("recipe of views", name, RECIPES)
    return _changed(RECIPES[name], changes)


def named_pair(name: str, changes: dict[str, Any]) -> Pair:
    """Return one of `PAIRS` with some numbers changed in both views; errors as above."""
    if name not in PAIRS:
        raise unknown("recipe of views", name, PAIRS)
    first, second = PAIRS[name]
    return _changed(first, changes), _changed(second, changes)


def _changed(recipe: ViewRecipe, changes: dict[str, Any]) -> ViewRecipe:
    return parse(ViewRecipe, recipe.model_dump() | changes, where="Settings of the views")


def two_views(
    images: Images,
    rows: Rows,
    *,
    recipes: Pair,
    seed: int,
    step: int,
    size: int | None = None,
) -> tuple[Images, Images]:
    """Make view 1 and view 2 of each image; arguments as for `view`."""
    first, second = (
        view(images, rows, recipe=recipe, seed=seed, step=step, number=number, size=size)
        for number, recipe in enumerate(recipes, start=1)
    )
    return first, second


def view(
    images: Images,
    rows: Rows,
    *,
    recipe: ViewRecipe,
    seed: int,
    step: int,
    number: int = 1,
    size: int | None = None,
) -> Images:
    """Make one view of each image.

    Args:
        images: Values in [0, 1].
        rows: Row number of each image.
        recipe: What may be drawn.
        seed: The run's seed.
        step: Optimiser step, or any other counter.
        number: Which view of the image: 1 and 2 in pretraining, 1 to n at test time.
        size: Side of the square views in pixels; by default the images' own height and width.

    Returns:
        Values in [0, 1], channels_last.
    """
    numbers = _uniforms(recipe, rows, derive(seed, "view", number), step)
    return apply(images, draw(recipe, numbers, *images.shape[-2:]), size=size)


def _uniforms(recipe: ViewRecipe, rows: Rows, seed: int, step: int) -> Uniforms:
    numbers = uniforms(seed, step, rows, COUNT)
    if recipe.per_batch:
        shared = uniforms(derive(seed, "batch"), step, rows[:1] * 0, COUNT)
        for name in recipe.per_batch:
            numbers[:, COLUMNS[name]] = shared[:, COLUMNS[name]]
    return numbers


@torch.no_grad()
def apply(images: Images, draws: Draws, *, size: int | None = None) -> Images:
    """Carry out what was drawn, on the images' device.

    Args:
        images: Values in [0, 1]; left as they are.
        draws: From `draw`.
        size: Side of the square views in pixels; by default the images' own height and width.

    Returns:
        Values in [0, 1], channels_last.
    """
    height, width = (size, size) if size else images.shape[-2:]
    matrices = affine(draws.box, draws.flip, draws.vertical_flip, draws.angle, width / height)
    views = warp(images, matrices, height, width)
    colours = (draws.brightness, draws.contrast, draws.saturation, draws.hue)
    _change(views, draws.jitter, jitter, *colours)
    _change(views, draws.grey, grey)
    side = min(height, width)
    radius = ceil(draws.blur_radius * side)
    _change(views, draws.sigma > 0, lambda x, s: gaussian_blur(x, s, radius), draws.sigma * side)
    _change(views, draws.solarise, solarise, draws.threshold, draws.addition)
    return views.clamp_(0, 1).contiguous(memory_format=torch.channels_last)


def _change(
    views: Images,
    chosen: Bool[Tensor, " batch"],
    operation: Callable[..., Images],
    *numbers: Float[Tensor, " batch"],
) -> None:
    """Replace, in place, the chosen views by what an operation makes of them and their numbers."""
    index = chosen.nonzero()[:, 0]
    if len(index):
        here = index.to(views.device)
        views[here] = operation(views[here], *(number[index].to(views) for number in numbers))


@torch.no_grad()
def plain(images: Images, size: int) -> Images:
    """Resize to a square, antialiased: evaluation's clean view. The same size changes nothing."""
    if tuple(images.shape[-2:]) == (size, size):
        return images
    resized = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return resized.clamp_(0, 1)


def normalise(images: Images, mean: Sequence[float], std: Sequence[float]) -> Images:
    """Subtract the mean and divide by the deviation, channel by channel."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[:, None, None]
