"""Crop, flip, rotation and resize as one affine warp of a whole batch.

An image is sampled once, so it is blurred once. Coordinates run from -1 to 1 over the image's
extent, edge to edge (`align_corners=False`). Beyond the edge the image is mirrored with its
border pixel repeated (d c b a | a b c d | d c b a). Bilinear sampling does not antialias, so an
image that shrinks by more than `MAX_SHRINK` is first reduced by area; how much depends on its own
matrix alone, never on the rest of the batch.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from jaxtyping import Float, Int
from torch import Tensor

from twinlens.transfer import to_device
from twinlens.types import Images, Views
from twinlens.views.operations.operation import Matrices

MAX_SHRINK = 1.5
"""Image pixels per view pixel that bilinear sampling is trusted with."""


def compose(outer: Matrices, inner: Matrices) -> Matrices:
    """Return the maps that take a point of the view through `inner`, then through `outer`.

    Multiplied by element, since a matrix product may be rounded differently under autocast.
    """
    linear = (outer[:, :, :2, None] * inner[:, None, :, :]).sum(dim=2)
    linear[:, :, 2] += outer[:, :, 2]
    return linear


def warp(images: Images, matrices: Matrices, height: int, width: int) -> Views:
    """Sample each image through its matrix: bilinear, mirrored, area-reduced where it shrinks.

    Args:
        images: Any size, any memory format.
        matrices: Maps from the view to the image, on the CPU, so that grouping by reduction waits
            for no device.
        height: Height of the views in pixels.
        width: Width of the views in pixels.
    """
    factors = reductions(matrices, (images.shape[2], images.shape[3]), (height, width))
    views = images.new_empty((*images.shape[:2], height, width))
    for factor in sorted(set(factors.tolist())):
        chosen = (factors == factor).nonzero()[:, 0]
        here = to_device(chosen, images.device)
        part = _reduce(images if len(chosen) == len(images) else images[here], factor)
        grid = _grid(to_device(matrices[chosen], images.device, dtype=images.dtype), height, width)
        views[here] = F.grid_sample(part, grid, padding_mode="reflection", align_corners=False)
    return views


def reductions(
    matrices: Matrices, image: tuple[int, int], view: tuple[int, int]
) -> Int[Tensor, " batch"]:
    """Return the smallest whole factor for each image that leaves a shrink of `MAX_SHRINK`.

    Args:
        matrices: Maps from the view to the image.
        image: Height and width of the images in pixels.
        view: Height and width of the views in pixels.
    """
    image_sides = matrices.new_tensor(image[::-1])[:, None]  # x before y
    view_sides = matrices.new_tensor(view[::-1])
    # Image pixels passed on a step of one view pixel: a row's length, whatever the rotation.
    shrink = torch.linalg.vector_norm(matrices[:, :, :2] * image_sides / view_sides, dim=2)
    slack = 1e-4  # for rounding where the shrink is a multiple of MAX_SHRINK
    return torch.ceil(shrink.amax(dim=1) / MAX_SHRINK - slack).clamp(min=1).int()


def _reduce(images: Images, factor: int) -> Views:
    """Average over areas of `factor` x `factor` pixels; the extent, and so the grid, is kept."""
    if factor == 1:
        return images
    height, width = (math.ceil(side / factor) for side in images.shape[-2:])
    if images.device.type == "mps":  # it takes only sides that the factor divides: pytorch#96056
        return F.adaptive_avg_pool2d(images.cpu(), (height, width)).to(images.device)
    return F.adaptive_avg_pool2d(images, (height, width))


def _grid(matrices: Matrices, height: int, width: int) -> Float[Tensor, "batch height width 2"]:
    """Return where each view pixel lies in the image: `affine_grid`, a third of its time."""
    x = (2 * torch.arange(width, device=matrices.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=matrices.device) + 1) / height - 1
    along_x = matrices[:, :, 0, None] * x
    along_y = matrices[:, :, 1, None] * y + matrices[:, :, 2, None]
    return torch.stack(
        [along_x[:, axis, None, :] + along_y[:, axis, :, None] for axis in (0, 1)], dim=-1
    )
