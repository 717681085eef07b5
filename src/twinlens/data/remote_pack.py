"""A pack that lies elsewhere: images are read when they are asked for, by ranges of its bytes."""

import io
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from twinlens.errors import UserError
from twinlens.remote_files import locate, reason
from twinlens.types import PackedImages, Rows

TRIES, WAIT_S = 3, 1.0
"""How often images are asked for, and the seconds after the first time; then twice as many."""

_BLOCK = 256  # images at a time where all are visited
_HEADER = 128  # bytes of a header of this kind and version that NumPy writes


def runs(rows: Rows) -> tuple[Rows, Rows]:
    """Return the first and the last row of each run of neighbours among sorted rows."""
    apart = np.diff(rows) != 1
    return rows[np.append(True, apart)[: len(rows)]], rows[np.append(apart, True)[: len(rows)]]


class RemotePack:
    """The images of a ``pack.npy`` at a URL, indexed as an array of them would be.

    Attributes:
        url: Its address, for fsspec.
        shape: (images, size, size, 3).
        dtype: That of the pixels.
    """

    def __init__(self, url: str) -> None:
        """Read the header.

        Raises:
            UserError: The file cannot be read, or is no pack.
        """
        self.url = url
        self._files, self._path = locate(url)
        (start,) = self._bytes([0], [_HEADER])
        content = io.BytesIO(start)
        try:
            np.lib.format.read_magic(content)
            self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(content)
        except ValueError as error:
            raise UserError(f"{url} is no pack of images ({reason(error)}).") from error
        self._first = content.tell()

    def __len__(self) -> int:
        return self.shape[0]

    @cached_property
    def _each(self) -> int:
        """Bytes of an image."""
        return int(np.prod(self.shape[1:])) * self.dtype.itemsize

    def __getitem__(self, wanted: int | slice | Rows) -> Any:
        """Read an image, or several: their rows in any order, neighbours in one request."""
        if isinstance(wanted, slice):
            return self._read(np.arange(*wanted.indices(len(self))))
        images = self._read(np.atleast_1d(wanted))
        return images if np.ndim(wanted) else images[0]

    def _read(self, rows: Rows) -> PackedImages:
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"{self.url} has {len(self)} images.")
        order = np.argsort(rows, kind="stable")
        firsts, lasts = runs(rows[order])
        starts = (self._first + firsts * self._each).tolist()
        ends = (self._first + (lasts + 1) * self._each).tolist()
        images = np.empty((len(rows), *self.shape[1:]), self.dtype)
        content = np.frombuffer(b"".join(self._bytes(starts, ends)), self.dtype)
        images[order] = content.reshape(images.shape)
        return images

    def __iter__(self) -> Iterator[PackedImages]:
        for start in range(0, len(self), _BLOCK):
            yield from self[start : start + _BLOCK]

    def _bytes(self, starts: list[int], ends: list[int]) -> list[bytes]:
        """Read ranges, together where the file system can."""
        lengths = np.subtract(ends, starts).tolist()
        for tried in range(1, TRIES + 1):
            try:
                paths = [self._path] * len(starts)
                found: list[bytes] = self._files.cat_ranges(paths, starts, ends, on_error="raise")
                if [*map(len, found)] == lengths:
                    return found
                why = "it is too short, or its server ignores ranges"
            except Exception as error:  # every protocol has its own
                why = reason(error)
            if tried < TRIES:
                time.sleep(tried * WAIT_S)
        raise UserError(
            f"{self.url} cannot be read ({why}): check the address and the connection; an "
            "interrupted training goes on with --resume."
        )
