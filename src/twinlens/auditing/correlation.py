"""Are two images copies of one photograph? Correlation of their fine structure.

Photographs of different lesions share their coarse structure: a dark spot in the middle, dark
corners. Copies share the fine structure as well, whatever was done to their colours. So images
are filtered to a band of middle frequencies (a difference of Gaussians, twice), and each pixel is
divided by the contrast around it (local contrast normalisation, Jarrett et al. 2009), so that a
hair or a corner counts no more than any other region.
"""

from functools import cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.ndimage import gaussian_filter1d

from twinlens.data.hashing import VIEWS, Grey, View, resampling

SIDE = 48
"""Side of the compared images in pixels; smaller ones are compared as they are."""

_FINE, _COARSE = 1 / 64, 3 / 64  # standard deviations of the Gaussians, as fractions of the side
_NOISE = 1.0  # contrast, in grey levels, of a region without structure
_ROUNDING = 0.1  # norm below which the structure is a rounding error

Structure = Float[ndarray, "image pixel"]


def structure(images: Grey, view: View = VIEWS[0], side: int = SIDE) -> Structure:
    """Return the fine structure of a view of each image, of length 1 and mean 0.

    The dot product of two images' structures is their correlation.

    Args:
        images: Luma from 0 to 255.
        view: The window of each, and whether it is mirrored.
        side: Side of the result in pixels; that of the images if they are smaller.
    """
    size = images.shape[1]
    side = min(side, size)
    rows = resampling(size, view.top, view.side, side)
    columns = resampling(size, view.left, view.side, side)
    if view.upside_down:
        rows = rows[::-1]
    if view.mirrored:
        columns = columns[::-1]
    fine, coarse = _blur(side, _FINE), _blur(side, _COARSE)
    x = _separable(fine, _separable(rows, images, columns))
    for _ in range(2):
        x = x - _separable(coarse, x)
    x = x / np.sqrt(_separable(coarse, x * x).clip(min=0) + _NOISE**2)
    x = x.reshape(len(x), -1)
    x = x - x.mean(axis=1, keepdims=True)
    result: Structure = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=_ROUNDING)
    return result


def _separable(
    rows: ndarray, images: Float[ndarray, "image _ _"], columns: ndarray | None = None
) -> Float[ndarray, "image _ _"]:
    """Apply one matrix to the rows of images and another, or the same, to their columns."""
    result: ndarray = rows @ images @ (rows if columns is None else columns).T
    return result


@cache
def _blur(side: int, deviation: float) -> Float[ndarray, "side side"]:
    """Return the matrix that blurs a line of pixels, which is reflected at its ends."""
    identity = np.eye(side, dtype=np.float32)
    result: ndarray = gaussian_filter1d(identity, deviation * side, axis=0, truncate=3)
    return result
