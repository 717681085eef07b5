"""Images inside a page, as data URIs, so that a page is one file."""

import io
from base64 import b64encode
from pathlib import Path

from PIL import Image


def jpeg_uri(picture: Image.Image, largest_side: int | None = None) -> str:
    """Return an image as JPEG in a data URI.

    Args:
        picture: The image.
        largest_side: Side in pixels to which a larger image is reduced; None to keep its size.
    """
    if largest_side:
        picture = picture.copy()
        picture.thumbnail((largest_side, largest_side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()


def png_uri(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + b64encode(path.read_bytes()).decode()
