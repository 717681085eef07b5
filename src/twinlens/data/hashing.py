"""Perceptual hashes of images, and of mirrored and cropped views of them.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash
functions"): the lowest 8x8 frequencies of the discrete cosine transform of a 32x32 grey thumbnail,
each against their median. Cropping, averaging to 32x32 and the transform are linear and
separable, so one small matrix applies them to the rows, and another to the columns.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray
from scipy.fft import dct

from twinlens.types import PackedImages

Hashes = UInt64[ndarray, " image"]

Grey = Float[ndarray, "image size size"]
"""Luma from 0 to 255."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_THUMBNAIL, _FREQUENCIES, _MORE_FREQUENCIES = 32, 8, 16
CROP = 0.05
"""Fraction of width and height that a cropped view lacks. Its hash is near those of images cropped
by up to about 8 %."""


@dataclass(frozen=True)
class View:
    """A transformation of an image: a square window, perhaps mirrored.

    Attributes:
        top: Upper edge of the window, as a fraction of the height.
        left: Left edge, as a fraction of the width.
        side: Its side, as a fraction of the image's.
        upside_down: Mirrored top to bottom.
        mirrored: Mirrored left to right.
    """

    top: float = 0.0
    left: float = 0.0
    side: float = 1.0
    upside_down: bool = False
    mirrored: bool = False

    def __str__(self) -> str:
        flips = {
            (False, False): "",
            (False, True): "mirrored",
            (True, False): "mirrored top to bottom",
            (True, True): "turned by 180°",
        }[self.upside_down, self.mirrored]
        return " and ".join(filter(None, [flips, "cropped" if self.side < 1 else ""]))


_EDGES = (0.0, CROP / 2, CROP)
_WINDOWS = [View(top, left, 1 - CROP) for top in _EDGES for left in _EDGES]
VIEWS: tuple[View, ...] = (
    View(),
    View(mirrored=True),
    View(upside_down=True),
    View(upside_down=True, mirrored=True),
    *_WINDOWS,
    *(View(view.top, view.left, view.side, mirrored=True) for view in _WINDOWS),
)
"""The views of an image that are compared with the whole of every other image."""


def grey(images: PackedImages) -> Grey:
    """Return the luma of RGB images (ITU-R BT.601), float32."""
    result: Grey = images.astype(np.float32) @ _LUMA
    return result


def perceptual_hash(images: Grey, view: View = VIEWS[0]) -> Hashes:
    """Return the 64-bit hash of a view of each image."""
    return _hash(images, view, _FREQUENCIES)[:, 0]


def long_hash(images: Grey) -> UInt64[ndarray, "image 4"]:
    """Return a 256-bit hash of each image, of its lowest 16x16 frequencies.

    It tells photographs apart without a second look at them.
    """
    return _hash(images, VIEWS[0], _MORE_FREQUENCIES)


def _hash(images: Grey, view: View, count: int) -> UInt64[ndarray, "image word"]:
    size = images.shape[1]
    rows, columns = (_transform(size, start, view.side, count) for start in (view.top, view.left))
    frequencies = rows @ images @ columns.T
    odd = np.arange(count) % 2 == 1  # cosines that mirroring negates
    if view.upside_down:
        frequencies[:, odd] *= -1
    if view.mirrored:
        frequencies[:, :, odd] *= -1
    values = frequencies.reshape(len(images), -1)
    bits = values > np.median(values[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)


def resampling(size: int, start: float, side: float, target: int) -> Float[ndarray, "target size"]:
    """Return the matrix that resamples a segment of a line of pixels by area averaging.

    Args:
        size: Pixels of the line.
        start: Start of the segment, as a fraction of the line.
        side: Its length, as a fraction of the line.
        target: Pixels of the result.
    """
    edges = size * np.linspace(start, start + side, target + 1)
    pixel = np.arange(size)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: ndarray = covered.clip(min=0) * target / (size * side)
    return weights.astype(np.float32)


@cache
def _transform(
    size: int, start: float, side: float, count: int
) -> Float[ndarray, "frequency size"]:
    cosines = dct(np.eye(_THUMBNAIL, dtype=np.float32), axis=0, norm="ortho")[:count]
    result: ndarray = cosines @ resampling(size, start, side, _THUMBNAIL)
    return result
