"""The pack: all images of a data set in one ``.npy`` file, to be memory-mapped.

Images are decoded in threads (Pillow works outside the interpreter's lock; for small JPEGs this
measured no slower than processes), in batches, and appended in order, so that a broken one leaves
no gap. Memory does not grow with the number of pixels.
"""

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from twinlens import files
from twinlens.console import progress
from twinlens.data.table import table_digest
from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, square
from twinlens.importing.source import Source
from twinlens.types import PackedImages

BATCH = 16
"""Images that a thread decodes at a time."""

_UNREADABLE = bytes(32)  # stands for the digest of a content that cannot be read

T = TypeVar("T")


@dataclass(frozen=True)
class Packed:
    """Which rows of a source were packed.

    Attributes:
        kept: The rows whose images are in the pack, in its order.
        reasons: Why each of the other rows has no image, by row.
        pixels: Digest of all pixels.
        fingerprint: See `fingerprint`.
    """

    kept: list[int]
    reasons: dict[int, str]
    pixels: str
    fingerprint: str


class Decoded(NamedTuple):
    """A batch of decoded rows of a source.

    Attributes:
        rows: The rows that have an image.
        images: Their images, uint8, shape (row, size, size, 3).
        reasons: Why each of the other rows has none, by row.
        contents: Digests of the contents of all rows of the batch, one after the other.
    """

    rows: list[int]
    images: PackedImages
    reasons: dict[int, str]
    contents: bytes


def write_pack(
    path: Path, source: Source, size: int, workers: int | None = None, *, after: Path | None = None
) -> Packed:
    """Decode all images of a source into a pack.

    Args:
        path: The ``.npy`` file to write.
        source: The images.
        size: Side of the square images in pixels.
        workers: Threads; None: one per processor.
        after: A pack whose images come first.
    """
    kept: list[int] = []
    reasons: dict[int, str] = {}
    contents = hashlib.sha256()
    pixels = hashlib.sha256()
    with path.open("wb") as file:
        _write_header(file, 0, size)
        before = _copy(after, file, pixels) if after else 0
        for batch in decoded(source, size, workers):
            kept += batch.rows
            reasons |= batch.reasons
            contents.update(batch.contents)
            pixels.update(batch.images.data)
            file.write(batch.images.data)
        file.seek(0)
        _write_header(file, before + len(kept), size)
    digest = _fingerprint(source, size, contents.hexdigest())
    return Packed(kept, reasons, pixels.hexdigest(), digest)


def unpacked(source: Source, size: int) -> Packed:
    """Return the result of packing a table without images: all rows are kept."""
    return Packed(list(range(len(source.table))), {}, "", fingerprint(source, size))


def left_out(source: Source, reasons: Mapping[int, str]) -> pd.DataFrame:
    """List the images of a source that could not be read, as ``file`` and ``reason``."""
    broken = [(str(source.table["id"][row]), reason) for row, reason in reasons.items()]
    return pd.DataFrame([*source.skipped, *broken], columns=["file", "reason"])


def refuse_none(skipped: pd.DataFrame) -> NoReturn:
    """Refuse a source of which no image could be read."""
    if skipped.empty:
        raise UserError("The source holds no images.")
    name, reason = skipped.iloc[0]
    hint = ""
    if reason.startswith(("no such file", "several files")):
        hint = " If the images lie below another folder than the table, name it with --root."
    raise UserError(
        f"None of the {len(skipped)} images could be imported; the first is {name}: {reason}.{hint}"
    )


def decoded(
    source: Source, size: int, workers: int | None = None, title: str = "Decoding"
) -> Iterator[Decoded]:
    """Decode all images of a source in batches, in order, a few of them ahead in threads."""
    with warnings.catch_warnings():
        # `decode` has its own limit, and a reason to give.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield from _map(partial(_decode, source, size), len(source.items), workers, title)


def fingerprint(source: Source, size: int, workers: int | None = None) -> str:
    """Return a digest by which a source is recognised, without decoding it.

    It covers the table, the content of each image, the missing images, the classes and the image
    size, but neither paths nor times of modification.
    """
    contents = hashlib.sha256()
    for digests in _map(partial(_digests, source), len(source.items), workers, "Reading"):
        contents.update(digests)
    return _fingerprint(source, size, contents.hexdigest())


def _fingerprint(source: Source, size: int, contents: str) -> str:
    classes = None if source.classes is None else list(source.classes)
    class_info = {name: info.model_dump() for name, info in source.class_info.items()}
    table = table_digest(source.table)
    return files.digest([table, contents, list(source.skipped), classes, class_info, size])


def _map(work: Callable[[range], T], count: int, workers: int | None, title: str) -> Iterator[T]:
    """Apply `work` to batches of rows in threads; yield the results in order."""
    workers = workers or os.cpu_count() or 1
    pending: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers) as pool, progress(title, count) as show:
        for start in range(0, count, BATCH):
            pending.append(pool.submit(work, range(start, min(start + BATCH, count))))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
            show(start, "images")
        while pending:
            yield pending.popleft().result()
        show(count, "images")


def _decode(source: Source, size: int, rows: range) -> Decoded:
    images: dict[int, PackedImages] = {}
    reasons: dict[int, str] = {}
    contents = []
    for row, item in zip(rows, source.items[rows.start : rows.stop], strict=True):
        contents.append(_UNREADABLE)
        try:
            content = source.read(item)
            contents[-1] = hashlib.sha256(content).digest()
            images[row] = square(source.decode(content, side=size), size)
        except OSError as error:
            reasons[row] = f"cannot be read ({error.strerror or error})"
        except ImageError as error:
            reasons[row] = str(error)
    stacked = np.array(list(images.values()), np.uint8).reshape(-1, size, size, 3)
    return Decoded(list(images), stacked, reasons, b"".join(contents))


def _digests(source: Source, rows: range) -> bytes:
    def digest(item: Any) -> bytes:
        try:
            return hashlib.sha256(source.read(item)).digest()
        except OSError:
            return _UNREADABLE

    return b"".join(map(digest, source.items[rows.start : rows.stop]))


def _copy(pack: Path, file: IO[bytes], pixels: Any) -> int:
    """Append the images of a pack, with their digest; return how many there are."""
    with pack.open("rb") as old:
        np.lib.format.read_magic(old)
        shape, _, _ = np.lib.format.read_array_header_1_0(old)
        while block := old.read(2**20):
            pixels.update(block)
            file.write(block)
    return int(shape[0])


def _write_header(file: IO[bytes], images: int, size: int) -> None:
    # NumPy leaves room for the first dimension to grow, so the header's length is always the same.
    shape = (images, size, size, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
