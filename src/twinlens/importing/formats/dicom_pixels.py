"""From the bytes of a DICOM file to an RGB image.

The rules, the same for every image:

- Colour (RGB, YBR_FULL, YBR_FULL_422, and JPEG 2000's YBR_RCT and YBR_ICT) becomes RGB as pydicom
  converts it; PALETTE COLOR becomes its palette's colours.
- Grey passes the modality LUT or rescale, then the VOI LUT or else the first window. Without
  either, or with a window that is blank or narrower than the standard allows (PS3.3 C.11.2.1.2),
  all that BitsStored can hold is shown, whatever range an image happens to use, so that images
  stay comparable. MONOCHROME1 is inverted.
- Overlays, presentation states and ICC profiles are not applied.

"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from twinlens.errors import require
from twinlens.importing.decode import ImageError, check_size

GREYS = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")

Stored = Int[np.ndarray, " value"]
"""All values that a pixel can have in the file, rising."""

Table = UInt8[np.ndarray, "value *channel"]
"""How each of them is shown."""


def decode_dicom(content: bytes) -> Image.Image:
    """Decode a DICOM file into an RGB image.

    Args:
        content: The file's bytes.

    Raises:
        ImageError: The content is no image, is damaged, is too large or too small, or is
            compressed in a way that needs another package.
    """
    pydicom = require("pydicom", extra="dicom")
    with reasons():
        dataset = pydicom.dcmread(BytesIO(content))
        _refuse_unreadable(dataset)
        with np.errstate(over="ignore", invalid="raise"):
            shown = _shown(dataset, _pixels(dataset))
        return Image.fromarray(shown).convert("RGB")


@contextmanager
def reasons() -> Iterator[None]:
    """Turn whatever a DICOM file raises while it is read into an `ImageError`."""
    warnings.filterwarnings("ignore", module="pydicom")  # odd files are none of the user's doing
    invalid = require("pydicom.errors", extra="dicom").InvalidDicomError
    try:
        yield
    except ImageError:
        raise
    except invalid as error:
        raise ImageError("not a DICOM file (without 'DICM' at byte 128)") from error
    except Exception as error:  # a damaged file can raise anything
        raise ImageError(f"damaged DICOM file ({_one_line(error)})") from error


def check_frames(dataset: Any) -> None:
    """Refuse a DICOM file of several frames: which of them is the image?

    Raises:
        ImageError: It has several.
    """
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(f"{frames} frames, but only single images are read")


def _refuse_unreadable(dataset: Any) -> None:
    """Refuse what cannot be shown, before any pixel is decoded."""
    if "PixelData" not in dataset:
        raise ImageError("no integer pixels (no Pixel Data)")
    check_frames(dataset)
    check_size(dataset.Columns, dataset.Rows)
    kind, bits = dataset.PhotometricInterpretation, dataset.BitsStored
    if kind not in (*GREYS, *COLOURS, "PALETTE COLOR"):
        raise ImageError(f"the photometric interpretation {kind} is not supported")
    highest = dataset.get("HighBit", bits - 1)
    if not 1 <= bits <= 16 or highest != bits - 1:
        raise ImageError(f"pixels of {bits} bits with {highest} as the high bit are not supported")
    if kind.startswith("YBR") and bits != 8:
        raise ImageError(f"{kind} of {bits} bits is not supported")


def _pixels(dataset: Any) -> np.ndarray:
    """Decompress the first frame; colour is RGB then."""
    pixels = require("pydicom.pixels", extra="dicom")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = pixels.get_decoder(syntax)
    except NotImplementedError as error:
        raise ImageError(f"the transfer syntax {syntax.name} is not supported") from error
    packages = sorted(set(re.findall(r"pylibjpeg[-\w]*", " ".join(decoder.missing_dependencies))))
    remedy = f"pip install {' '.join(packages)}"
    if not decoder.is_available:
        raise ImageError(f"the transfer syntax {syntax.name} needs other packages: {remedy}")
    try:
        return np.asarray(pixels.pixel_array(dataset, index=0))
    except Exception as error:
        if decoder.available_plugins != ("pillow",):  # Pillow reads a part of what JPEG can be
            raise
        raise ImageError(
            f"not decoded from the transfer syntax {syntax.name} ({_one_line(error)}); "
            f"unless the file is damaged, this helps: {remedy}"
        ) from error


def _shown(dataset: Any, pixels: np.ndarray) -> np.ndarray:
    """Return 8-bit grey or RGB; each value that can be stored is rendered once, then looked up."""
    bits = dataset.BitsStored
    low = -(2 ** (bits - 1)) if dataset.PixelRepresentation else 0
    stored = np.arange(low, low + 2**bits)
    if dataset.PhotometricInterpretation in GREYS:
        table = _greys(dataset, stored)
    elif dataset.PhotometricInterpretation == "PALETTE COLOR":
        table = _palette(dataset, stored)
    elif bits == 8 and low == 0:
        return pixels.astype(np.uint8)
    else:
        table = _as_bytes(np.linspace(0, 1, len(stored)))
    places = np.subtract(pixels, low, dtype=np.int32)
    return np.asarray(table.take(places, axis=0, mode="clip"))


def _greys(dataset: Any, stored: Stored) -> Table:
    pixels = require("pydicom.pixels", extra="dicom")
    values = pixels.apply_rescale(stored, dataset)
    black, white = values[0], values[-1]
    if dataset.get("ModalityLUTSequence"):
        black, white = 0, _largest(dataset.ModalityLUTSequence[0])
    if dataset.get("VOILUTSequence"):
        item = dataset.VOILUTSequence[0]
        black, white = 0, _largest(item)
        shades = _voi_lut(dataset, item, values)
    else:
        shades = pixels.apply_windowing(values, dataset) if _has_window(dataset) else values
    if shades is values:  # no window; a window keeps black first, also where the slope is negative
        black, white = sorted((black, white))
    if black == white:
        raise ImageError("no contrast (its rescale slope is 0)")
    shares = (shades - black) / (white - black)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    return _as_bytes(1 - shares if inverted else shares)


def _has_window(dataset: Any) -> bool:
    """Return whether the first window has a centre, and a width that the standard allows."""
    centre, width = (
        value[0] if isinstance(value, Sequence) and value else value
        for value in (dataset.get("WindowCenter"), dataset.get("WindowWidth"))
    )
    if centre in (None, "") or width in (None, ""):
        return False
    linear = (dataset.get("VOILUTFunction") or "LINEAR").upper() == "LINEAR"
    return bool(width >= 1 if linear else width > 0)


def _largest(lut: Any) -> int:
    return int(2 ** lut.LUTDescriptor[2] - 1)


def _voi_lut(dataset: Any, item: Any, values: np.ndarray) -> np.ndarray:
    # pydicom counts the entries in integers of the entries' own size, which may be too small.
    entries, first, _ = item.LUTDescriptor
    item.LUTDescriptor = [entries, first, 16]
    inside = np.rint(values).astype(np.int64).clip(max=first + (entries or 2**16) - 1)
    return np.asarray(require("pydicom.pixels", extra="dicom").apply_voi(inside, dataset))


def _palette(dataset: Any, stored: Stored) -> Table:
    pixels = require("pydicom.pixels", extra="dicom")
    entries, first, depth = dataset.RedPaletteColorLookupTableDescriptor
    entries = entries or 2**16
    inside = stored.clip(max=first + entries - 1)
    colours = pixels.apply_color_lut(inside, dataset)[:, :3]
    deep = colours.dtype == np.uint16
    little_endian = dataset.original_encoding[1]
    if (deep and not little_endian) or (not deep and entries > 256):  # pydicom errs in these
        raise ImageError(f"a palette of {entries} colours in this layout is not supported")
    return _as_bytes(colours / (2**depth - 1 if deep else 255))


def _as_bytes(shares: np.ndarray) -> Table:
    return np.asarray(np.rint(255 * shares).clip(0, 255).astype(np.uint8))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
