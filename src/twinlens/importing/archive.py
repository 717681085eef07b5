"""ZIP archives as sources: unpacked for as long as they are read."""

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from twinlens.errors import UserError
from twinlens.importing.listing import is_hidden


@contextmanager
def unpacked(source: str) -> Iterator[str]:
    """Yield a source that is no archive as it is, or the folder that a ZIP archive holds.

    The folder is a temporary one (in TMPDIR, where the system says so), and is gone afterwards.

    Raises:
        UserError: The archive is damaged or encrypted, or there is too little space to unpack it.
            Errors while the folder is in use name the archive instead.
    """
    path = Path(source)
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="twinlens-") as folder:
        _unpack(path, Path(folder))
        root = Path(folder)
        inside = [inner for inner in root.iterdir() if not is_hidden(inner.name)]
        if len(inside) == 1 and inside[0].is_dir():
            root = inside[0]
        try:
            yield str(root)
        except UserError as error:
            raise UserError(str(error).replace(str(root), source)) from error


def refuse_outside(items: Iterable[object], root: Path, archive: str) -> None:
    """Refuse an archive whose table names files of this machine that lie outside of it.

    Args:
        items: What was found; paths are checked.
        root: Where the archive was unpacked.
        archive: What the user calls it.

    Raises:
        UserError: A path, with its links followed, is outside.
    """
    root = root.resolve()
    for item in items:
        if isinstance(item, Path) and not item.resolve().is_relative_to(root):
            raise UserError(
                f"{archive} holds a table that names '{item.name}' outside of the archive: a table "
                "in an archive may name its own images only. Unpack it to import others."
            )


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            needed, free = sum(file.file_size for file in archive.infolist()), _free(folder)
            if needed > free:
                raise UserError(
                    f"{path} needs {needed / 1e9:.1f} GB to unpack, and {folder.parent} has "
                    f"{free / 1e9:.1f} GB free: name another folder in the variable TMPDIR."
                )
            archive.extractall(folder)
    except UserError:
        raise
    except (RuntimeError, NotImplementedError) as error:  # a password, or an unknown compression
        raise UserError(f"{path} cannot be unpacked ({error}): unpack it first.") from error
    except Exception as error:  # a damaged archive can make zipfile raise anything
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # what the system refuses; EINVAL is a place before the beginning of the file
        raise UserError(f"{path} is damaged, or no ZIP archive ({error}).") from error


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
