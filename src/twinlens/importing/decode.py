"""From the bytes of an image file to a square RGB image.

The rules, the same for every image:

- DICOM, recognised by the letters DICM at byte 128, is shown as `formats.dicom_pixels` says.
- The first frame of other files counts, turned upright by its EXIF orientation.
- Grey, palette, CMYK and other colour spaces become RGB as Pillow converts them.
- Grey of more than 8 bits is scaled by the levels of its source (see `grey_levels`), by default
  0 to 65535, whatever range an image happens to use, so that images stay comparable.
  Floating-point pixels have no agreed range and are refused.
- Transparency is laid over black, the surroundings of most medical images.
- The largest centred square is resized with a triangle filter as wide as the reduction
  (Pillow's BILINEAR), so nothing aliases.
- A large JPEG is decoded at a half, a quarter or an eighth of its size, as long as that is at least
  twice the square's: several times faster, while pixels change by some quarter of a grey level.
"""

from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from twinlens.errors import UserError
from twinlens.types import PackedImage

MAX_PIXELS = 80_000_000
MIN_SIDE = 8
BACKGROUND = (0, 0, 0)
DICOM_HEAD = 132
"""Bytes of a file that tell whether it is DICOM."""


class ImageError(Exception):
    """An image that cannot be used; its text is the reason, for a person to read."""


class GreyLevels(NamedTuple):
    """The grey levels of images of more than 8 bits that become 0 and 255."""

    black: int
    white: int


SIXTEEN_BITS = GreyLevels(0, 65535)


def decode(
    content: bytes, levels: GreyLevels = SIXTEEN_BITS, *, side: int | None = None
) -> Image.Image:
    """Decode an image file into an upright RGB image.

    Args:
        content: The file's bytes.
        levels: How grey of more than 8 bits is scaled.
        side: Side of the square that it will become, for which a JPEG may be decoded at a reduced
            size; None for full size.

    Raises:
        ImageError: The content is no image, is damaged, or is too large or too small.
        UserError: It is DICOM, and pydicom is not installed.
    """
    if not content:
        raise ImageError("empty file")
    try:
        return _decode(content, levels, side)
    except (ImageError, UserError):
        raise
    except UnidentifiedImageError as error:
        raise ImageError("not an image in a known format") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(f"more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise ImageError(f"damaged image ({error})") from error


def is_dicom(head: bytes) -> bool:
    """Return whether the first `DICOM_HEAD` bytes of a file, or more, are those of DICOM."""
    return head[128:DICOM_HEAD] == b"DICM"


def check_size(width: int, height: int) -> None:
    """Refuse an image by its size, before its pixels are decoded.

    Raises:
        ImageError: It has more than `MAX_PIXELS` pixels, or a side below `MIN_SIDE` pixels.
    """
    if width * height > MAX_PIXELS:
        raise ImageError(f"more than {MAX_PIXELS:,} pixels ({width}x{height})")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"smaller than {MIN_SIDE} pixels ({width}x{height})")


def square(image: Image.Image, size: int) -> PackedImage:
    """Cut out the largest centred square and resize it.

    Args:
        image: RGB image.
        size: Side of the result in pixels.

    Returns:
        uint8 array of shape (size, size, 3).
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    crop = image.crop((left, top, left + side, top + side))
    return np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR))


def _decode(content: bytes, levels: GreyLevels, side: int | None) -> Image.Image:
    if is_dicom(content):
        from twinlens.importing.formats.dicom_pixels import decode_dicom  # which imports this file

        return decode_dicom(content)
    image = Image.open(BytesIO(content))
    check_size(*image.size)
    if side is not None:
        image.draft(None, (2 * side, 2 * side))
    return upright_rgb(image, levels)


def upright_rgb(image: Image.Image, levels: GreyLevels = SIXTEEN_BITS) -> Image.Image:
    """Turn an image upright by its EXIF orientation, and into RGB; levels as for `decode`.

    Raises:
        ImageError: Its pixels are floating-point.
    """
    return _rgb(ImageOps.exif_transpose(image), levels)


def deep_levels(content: bytes) -> tuple[int, int] | None:
    """Return the lowest and the highest grey level of an image of more than 8 bits.

    None for other images, and for those that `decode` refuses.
    """
    try:
        image = Image.open(BytesIO(content))
        check_size(*image.size)
        return _extrema(image) if image.mode.startswith("I") else None
    except Exception:  # as in `decode`
        return None


def _extrema(image: Image.Image) -> tuple[int, int]:
    values = np.asarray(image)
    return int(values.min()), int(values.max())


def _rgb(image: Image.Image, levels: GreyLevels) -> Image.Image:
    if image.mode == "F":
        raise ImageError("floating-point pixels, whose range is unknown")
    if image.mode.startswith("I"):
        black, white = levels
        values = np.asarray(image).astype(np.int64).clip(black, white) - black
        scaled = (510 * values + white - black) // (2 * (white - black))  # rounded half up
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        backdrop = Image.new("RGBA", image.size, BACKGROUND)
        image = Image.alpha_composite(backdrop, image.convert("RGBA"))
    return image.convert("RGB")
