"""The pack: all images of a data set in one ``.npy`` file, to be memory-mapped.

Images are decoded in threads (Pillow works outside the interpreter's lock; for small JPEGs this
measured no slower than processes) and appended in order, so that a broken one leaves no gap.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from PIL import Image

from twinlens import files
from twinlens.console import progress
from twinlens.data.decode import ImageError, square
from twinlens.data.source import Source
from twinlens.data.table import table_digest
from twinlens.types import PackedImages

_AT_ONCE = 512  # images in flight, so that memory stays bounded

T = TypeVar("T")


@dataclass(frozen=True)
class Packed:
    """What became of a source's rows.

    Attributes:
        kept: The rows whose images are in the pack, in its order.
        reasons: For each other row why it is not.
        pixels: Digest of all pixels.
        fingerprint: See `fingerprint`.
    """

    kept: list[int]
    reasons: dict[int, str]
    pixels: str
    fingerprint: str


def write_pack(path: Path, source: Source, size: int, workers: int | None = None) -> Packed:
    """Decode all images of a source into a pack.

    Args:
        path: The ``.npy`` file to write.
        source: The images.
        size: Side of the square images in pixels.
        workers: Threads; None: one a processor.
    """
    kept: list[int] = []
    reasons: dict[int, str] = {}
    contents: list[str] = []
    pixels = hashlib.sha256()
    work = partial(_decoded, source, size)
    with path.open("wb") as file, warnings.catch_warnings():
        # `decode` has its own limit, and a reason to give.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        _write_header(file, len(source.items), size)
        for row, (content, image) in enumerate(_each(work, source, workers, "Decoding")):
            contents.append(content)
            if isinstance(image, str):
                reasons[row] = image
                continue
            kept.append(row)
            pixels.update(image.tobytes())
            file.write(image.tobytes())
        file.seek(0)
        _write_header(file, len(kept), size)
    return Packed(kept, reasons, pixels.hexdigest(), _fingerprint(source, size, contents))


def fingerprint(source: Source, size: int, workers: int | None = None) -> str:
    """Return what a source is recognised by, without decoding it.

    A digest over the table, the content of each image, what is missing, and the size asked for;
    not over where the files lie or when they changed.
    """
    contents = _each(partial(_content_digest, source), source, workers, "Reading")
    return _fingerprint(source, size, list(contents))


def _fingerprint(source: Source, size: int, contents: list[str]) -> str:
    classes = None if source.classes is None else list(source.classes)
    return files.digest([table_digest(source.table), contents, list(source.skipped), classes, size])


def _each(work: Callable[[Any], T], source: Source, workers: int | None, title: str) -> Iterator[T]:
    """Apply `work` to each item in threads; yield in order."""
    count = len(source.items)
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        progress(title, count) as show,
    ):
        for start in range(0, count, _AT_ONCE):
            yield from pool.map(work, source.items[start : start + _AT_ONCE])
            show(min(start + _AT_ONCE, count), "images")


def _decoded(source: Source, size: int, item: Any) -> tuple[str, PackedImages | str]:
    """Return the content's digest, and the image or the reason why there is none."""
    try:
        content = source.read(item)
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    digest = hashlib.sha256(content).hexdigest()
    try:
        return digest, square(source.decode(content), size)
    except ImageError as error:
        return digest, str(error)


def _content_digest(source: Source, item: Any) -> str:
    try:
        return hashlib.sha256(source.read(item)).hexdigest()
    except OSError:
        return ""


def _write_header(file: IO[bytes], images: int, size: int) -> None:
    # NumPy leaves room for the first dimension to grow, so the header's length is always the same.
    shape = (images, size, size, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
