"""Perceptual hashes: 64 bits that similar pictures share, also when mirrored or cropped.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash
functions"): the lowest 8x8 frequencies of the discrete cosine transform of a 32x32 grey thumbnail,
each against their median. Cropping, averaging to 32x32 and the transform are all linear, so one
small matrix does them from the left, and another from the right.
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

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_THUMBNAIL, _FREQUENCIES = 32, 8
CROP = 0.05
"""Share of width and height that a cropped view lacks. Its hash stays near for 0 to some 8 %."""


@dataclass(frozen=True)
class View:
    """A way in which a copy may differ: a square window of the picture, perhaps mirrored.

    Attributes:
        top: Where the window begins, as a share of the height.
        left: Likewise of the width.
        side: Its side, as a share of the picture's.
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


_ALONG = (0.0, CROP / 2, CROP)
_WINDOWS = [View(top, left, 1 - CROP) for top in _ALONG for left in _ALONG]
VIEWS: tuple[View, ...] = (
    View(),
    View(mirrored=True),
    View(upside_down=True),
    View(upside_down=True, mirrored=True),
    *_WINDOWS,
    *(View(view.top, view.left, view.side, mirrored=True) for view in _WINDOWS),
)
"""What each picture is compared as; of the other picture of a pair the whole is taken."""


def grey(images: PackedImages) -> Grey:
    """Return the luma of images: float32, shape (image, size, size), 0 to 255."""
    result: Grey = images.astype(np.float32) @ _LUMA
    return result


def perceptual_hash(images: Grey, view: View = VIEWS[0]) -> Hashes:
    """Return the hash of a view of each image."""
    size = images.shape[1]
    rows, columns = _transform(size, view.top, view.side), _transform(size, view.left, view.side)
    frequencies = rows @ images @ columns.T
    odd = np.arange(_FREQUENCIES) % 2 == 1  # cosines that a mirror turns to their negative
    if view.upside_down:
        frequencies[:, odd] *= -1
    if view.mirrored:
        frequencies[:, :, odd] *= -1
    values = frequencies.reshape(len(images), -1)
    bits = values > np.median(values[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def resampling(size: int, start: float, side: float, wanted: int) -> Float[ndarray, "wanted size"]:
    """Return the matrix that averages a stretch of a line of pixels into `wanted` pixels.

    Args:
        size: Pixels of the line.
        start: Where the stretch begins, as a share of the line.
        side: Its length, likewise.
        wanted: Pixels that are wanted.
    """
    edges = size * np.linspace(start, start + side, wanted + 1)
    pixel = np.arange(size)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: ndarray = covered.clip(min=0) * wanted / (size * side)
    return weights.astype(np.float32)


@cache
def _transform(size: int, start: float, side: float) -> Float[ndarray, "frequency size"]:
    cosines = dct(np.eye(_THUMBNAIL, dtype=np.float32), axis=0, norm="ortho")[:_FREQUENCIES]
    result: ndarray = cosines @ resampling(size, start, side, _THUMBNAIL)
    return result
