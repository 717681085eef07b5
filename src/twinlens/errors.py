"""Errors that a user can fix: one sentence that says what is wrong, where, and what to do."""

import errno
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType


class UserError(Exception):
    """A mistake in the input. The command line prints its sentence and exits with code 2.

    Line breaks, which the reasons of other libraries bring along, become spaces.
    """

    def __init__(self, text: str) -> None:
        super().__init__(re.sub(r"\s*\n\s*", " ", text).strip())


def unknown(kind: str, name: object, valid: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a table.

    Args:
        kind: What the name should have been, for example ``"encoder"``.
        name: The name as given.
        valid: The names that would have been right.
    """
    names = sorted(valid)
    close = get_close_matches(str(name), names, n=1, cutoff=0.65)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return UserError(f"Unknown {kind} '{name}'.{hint} Valid: {', '.join(names) or 'none'}.")


_REMEDIES = {
    errno.EACCES: "may not be read or written: change its permissions, or choose another folder",
    errno.EROFS: "lies on a disk that is read-only: choose a folder on another one",
    errno.ENAMETOOLONG: "is too long a name for its disk: choose a shorter one",
    errno.ENOENT: "is missing: it, or the folder that it lies in, was moved or deleted meanwhile",
    errno.ENOSPC: "does not fit: its disk is full. Make room there, or choose another disk",
    errno.EFBIG: "would be larger than files may be there: raise the limit, or choose another disk",
    errno.EIO: "lies on a disk that reports a fault: check it, or choose another disk",
    errno.ENOLCK: "lies on a disk without file locks: choose a folder on a local disk",
    errno.EMFILE: "cannot be opened, as too many files are open: raise the limit (ulimit -n)",
}
_ALIKE = {
    errno.EPERM: errno.EACCES,
    errno.ENOTDIR: errno.ENOENT,
    errno.ESTALE: errno.ENOENT,
    errno.EDQUOT: errno.ENOSPC,
    errno.ENFILE: errno.EMFILE,
    errno.EOPNOTSUPP: errno.ENOLCK,
    errno.ENOSYS: errno.ENOLCK,
}


def in_words(error: OSError) -> UserError:
    """Build the error for what the operating system refuses: where, and what to do about it."""
    reason = error.strerror or str(error) or type(error).__name__
    kind = error.errno or 0
    remedy = _REMEDIES.get(_ALIKE.get(kind, kind))
    if not isinstance(error.filename, str | bytes | os.PathLike):
        place = "A file that was read or written"
    else:
        place = _shortened(os.fsdecode(error.filename))
    return UserError(f"{place} {remedy} ({reason})." if remedy else f"{place}: {reason}.")


def _shortened(path: str, longest: int = 200) -> str:
    return path if len(path) <= longest else f"{path[:longest]}…"


_LACK_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "could not create a primitive",
    "bad_alloc",
)
"""What torch, onnxruntime and the libraries below them say."""


def lacks_memory(error: Exception) -> bool:
    """Return whether an error says that this machine or its device has not enough memory."""
    text = str(error)
    return isinstance(error, MemoryError) or any(part in text for part in _LACK_OF_MEMORY)


def require(package: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Raises:
        UserError: The package is not installed or does not import.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise UserError(
            f"This needs the package '{package}' ({error}): pip install 'twinlens[{extra}]'."
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"The package '{package}' is installed, but a library below it is broken ({error}): "
            "install builds of torch and torchvision that belong together."
        ) from error
