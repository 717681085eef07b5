"""A picture of images and their views (the paper's Figures 4 and 9)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from twinlens.errors import UserError
from twinlens.files import atomic_file

_GAP = 4
_WHITE = 255


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Check, before any work, that a picture can be written.

    Raises:
        UserError: It is a folder, not a PNG file, or exists already.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name the picture to write in it, such as views.png.")
    if path.suffix.lower() != ".png":
        raise UserError(f"{path} does not end in .png, and the picture is a PNG file.")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: choose another name, or pass --overwrite.")


def write_picture(path: Path, lines: Sequence[Float[Tensor, "_ 3 _ _"]]) -> None:
    """Write batches of images as a PNG file: one line per batch, one above the other.

    Args:
        path: The file.
        lines: Batches of images, values in [0, 1]; a column shows one image's views, each in its
            size, at the top left of its place.
    """
    height, width = (max(line.shape[axis] for line in lines) for axis in (2, 3))
    columns = max(len(line) for line in lines)
    canvas = np.full(
        (len(lines) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), _WHITE, np.uint8
    )
    for i, line in enumerate(lines):
        pixels = (line.mul(255).round().byte()).permute(0, 2, 3, 1).cpu().numpy()
        for j, image in enumerate(pixels):
            top, left = i * (height + _GAP), j * (width + _GAP)
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    with atomic_file(path) as temporary:
        Image.fromarray(canvas).save(temporary, format="PNG", optimize=True)
