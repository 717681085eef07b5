"""Arrays in ``.npz`` files, read image by image, so that memory does not grow with the pixels."""

import errno
import math
import os
import shutil
import struct
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from twinlens.console import progress
from twinlens.errors import UserError

_CHUNK = 1 << 20
_LOCAL_HEADER = 30  # bytes before a member's name; the lengths of name and extra field end it


@dataclass(frozen=True)
class Header:
    """What an array's header says: its shape, the type of its cells, and where they start."""

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array of bytes that stays in its file, which closes when this object goes.

    Attributes:
        file: The file.
        start: Where the first row starts.
        width: Bytes a row.
    """

    file: IO[bytes]
    start: int
    width: int

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    def __getitem__(self, number: int) -> bytes:
        """Return the bytes of a row; may be called from several threads at once."""
        # Not memory-mapped: the process would seem to grow with the pages that it has seen, and
        # would be killed without a message where the file is cut off meanwhile.
        row = os.pread(self.file.fileno(), self.width, self.start + number * self.width)
        if len(row) < self.width:
            raise OSError(errno.EIO, "the file ends too early")
        return row


@contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an ``.npz`` file.

    Raises:
        UserError: Now or while it is open: the file is not there, no zip, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except UserError:
        raise
    except Exception as error:  # a damaged file can make zipfile and NumPy raise anything
        raise UserError(
            f"{path} is no .npz file, or a damaged one ({error}): download or save it again."
        ) from error


def array_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the arrays."""
    return [name.removesuffix(".npy") for name in archive.namelist()]


def read_header(archive: zipfile.ZipFile, name: str) -> Header:
    """Read an array's header, and check it against the number of bytes that follow.

    Raises:
        UserError: The array holds Python objects, is in Fortran order, or does not fit its header.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        version, _ = np.lib.format.read_magic(member)
        read = (
            np.lib.format.read_array_header_1_0
            if version == 1
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(member)
        start = member.tell()
    what = f"{archive.filename}: the array '{name}'"
    if dtype.hasobject:
        raise UserError(f"{what} holds Python objects, which are never read: save it as numbers.")
    if fortran:
        raise UserError(f"{what} is stored column by column: save np.ascontiguousarray of it.")
    size = info.file_size - start
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size:
        raise UserError(
            f"{what} does not fit its header ({size:,} bytes for the shape {shape}): "
            "download or save it again."
        )
    return Header(shape, dtype, start)


def read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read a whole array, whose header `read_header` has checked."""
    with archive.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def open_array(archive: zipfile.ZipFile, name: str, header: Header) -> StoredArray:
    """Open an array of bytes for reading row by row.

    An uncompressed array is read where it lies; a compressed one is unpacked into a temporary
    file (``TMPDIR`` says where), which goes when the array does.

    Raises:
        UserError: The array is cut off, or there is no room to unpack it.
    """
    info = archive.getinfo(f"{name}.npy")
    path = Path(str(archive.filename))
    width = math.prod(header.shape[1:])
    if info.compress_type != zipfile.ZIP_STORED:
        array = StoredArray(_temporary(path, info.file_size), header.start, width)
        _unpack(archive, info, array.file)
    else:
        file = path.open("rb")
        file.seek(info.header_offset + _LOCAL_HEADER - 4)
        start = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
        array = StoredArray(file, start + header.start, width)
    if os.fstat(array.file.fileno()).st_size < array.start + width * header.shape[0]:
        raise UserError(f"{path}: the array '{name}' is cut off: download or save it again.")
    return array


def _temporary(path: Path, size: int) -> IO[bytes]:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{path} unpacks to {size / 1e9:,.1f} GB, and {folder} has room for {free / 1e9:,.1f}: "
            "set TMPDIR to a folder on a larger disk."
        )
    return tempfile.TemporaryFile()


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: IO[bytes]) -> None:
    title = f"Unpacking {info.filename}"
    with archive.open(info) as member, progress(title, info.file_size >> 20) as show:
        while chunk := member.read(_CHUNK):
            target.write(chunk)
            show(target.tell() >> 20, "MB")
    target.flush()
