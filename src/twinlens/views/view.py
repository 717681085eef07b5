"""Views of a batch, made by following a recipe, and the clean view.

A view depends on (seed, step, view number, row) and on nothing else: neither on the other images
of the batch nor on the process that makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F  # noqa: N812, the field's own name

from twinlens.seeds import derive
from twinlens.transfer import to_device
from twinlens.types import Images, Rows, Views
from twinlens.views.operations.operation import Geometric, Photometric
from twinlens.views.recipe import Draws, ViewRecipe, draw, random_numbers
from twinlens.views.warp import compose, warp


@dataclass(frozen=True)
class PlannedViews:
    """Views of one kind that each image gets in a step.

    Attributes:
        recipe: What may be drawn.
        size: Side of the square views in pixels.
        count: How many, each drawn on its own.
    """

    recipe: ViewRecipe
    size: int
    count: int = 1


ViewPlan = tuple[PlannedViews, ...]
"""All views that each image gets in a step, in their order."""


def planned_views(
    images: Images,
    rows: Rows,
    *,
    plan: ViewPlan,
    seed: int,
    step: int,
    partners: Images | None = None,
) -> list[Views]:
    """Make views 1 to n of each image, in the plan's order.

    Args:
        images: As for `view`, as are the others.
        rows: Likewise.
        plan: What may be drawn, in which size.
        seed: As for `view`.
        step: Likewise.
        partners: What views 2, 4, ... show instead, such as other images of the same lesions.
    """
    each = [(kind.recipe, kind.size) for kind in plan for _ in range(kind.count)]
    return [
        view(
            images if number % 2 or partners is None else partners,
            rows,
            recipe=recipe,
            seed=seed,
            step=step,
            number=number,
            size=size,
        )
        for number, (recipe, size) in enumerate(each, start=1)
    ]


def view(
    images: Images,
    rows: Rows,
    *,
    recipe: ViewRecipe,
    seed: int,
    step: int,
    number: int = 1,
    size: int | None = None,
) -> Views:
    """Make one view of each image.

    Args:
        images: Values in [0, 1].
        rows: Row number of each image.
        recipe: What may be drawn.
        seed: The run's seed.
        step: Optimiser step, or any other counter.
        number: Which view of the image, from 1 on.
        size: Side of the square views in pixels; by default the images' own height and width.

    Returns:
        Values in [0, 1], channels_last.
    """
    numbers = random_numbers(recipe, rows, derive(seed, "view", number), step)
    return apply(images, recipe, draw(recipe, numbers, *images.shape[-2:]), size=size)


@torch.no_grad()
def apply(images: Images, recipe: ViewRecipe, draws: Draws, *, size: int | None = None) -> Views:
    """Apply what was drawn, on the images' device.

    Args:
        images: Values in [0, 1]; left as they are.
        recipe: The operations.
        draws: What was drawn for them.
        size: Side of the square views in pixels; by default the images' own height and width.

    Returns:
        Values in [0, 1], channels_last.
    """
    height, width = (size, size) if size else images.shape[-2:]
    steps = [(operation, draws[name]) for name, operation in recipe.operations().items()]
    maps = [o.matrices(drawn, width / height) for o, drawn in steps if isinstance(o, Geometric)]
    views = warp(images, reduce(compose, maps), height, width)
    for operation, (applied, numbers) in steps:
        index = applied.nonzero()[:, 0]
        if isinstance(operation, Photometric) and len(index):
            chosen = to_device(index, views.device)
            drawn = (
                to_device(number[index], views.device, dtype=views.dtype) for number in numbers
            )
            views[chosen] = operation.apply(views[chosen], *drawn)
    return views.clamp_(0, 1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def clean_view(images: Images, size: int) -> Views:
    """Resize to a square, antialiased, as evaluation does. The same size changes nothing."""
    if tuple(images.shape[-2:]) == (size, size):
        return images
    resized = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return resized.clamp_(0, 1)


def normalise(images: Images, mean: Sequence[float], std: Sequence[float]) -> Images:
    """Subtract the mean and divide by the standard deviation, channel by channel."""
    constants = torch.tensor([mean, std], dtype=images.dtype)
    there = to_device(constants, images.device)[..., None, None]
    normalised: Images = (images - there[0]) / there[1]
    return normalised
