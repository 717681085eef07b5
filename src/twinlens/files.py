"""Files and folders that are either whole or not there."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from twinlens.errors import UserError

_NOTHING = 2**20  # bytes: a disk with fewer is full
_LOCK = ".lock"


@contextmanager
def atomic_file(path: Path, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and move it there.

    Args:
        path: The file that is to appear.
        size: Its size in bytes where that is known, to say what a full disk lacks.

    Raises:
        UserError: There is a folder of this name, or the disk is full.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except Exception as error:
        # NumPy and torch do not say why they could not write.
        unclear = isinstance(error, OSError | RuntimeError) and _free(path.parent) < _NOTHING
        if unclear or _says_full(error):
            written = temporary.stat().st_size if temporary.exists() else 0
            raise _disk_full(path, _free(path.parent) + written, size) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except (ValueError, RecursionError) as error:  # of encoding, syntax, size or depth
        raise UserError(f"{path} is not valid JSON: {error}.") from error


def sha256(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: Any) -> str:
    """Return the hex digest of a JSON-like value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def lack(folder: Path, file: str) -> str:
    """Say why a folder is not what it should be: it is not there, or holds no such file."""
    return f"holds no {file}" if folder.exists() else "does not exist"


@contextmanager
def atomic_folder(
    out: Path, *, marker: str, overwrite: bool = False, resume: bool = False, keep: str = ""
) -> Iterator[Path]:
    """Yield a work folder `OUT.partial`; on success move it to `out` in one rename.

    Args:
        out: The folder that is to appear.
        marker: File that tells this kind of folder, such as ``dataset.json``. Only a folder that
            holds it is ever overwritten.
        overwrite: Replace `out`, and drop what an interrupted attempt left.
        resume: Go on in the work folder of an interrupted attempt, if there is one.
        keep: File that makes a work folder worth resuming, such as a checkpoint. What an attempt
            leaves without it is dropped.

    Raises:
        UserError: `out` exists and may not be replaced, an interrupted attempt waits there,
            another process is making `out`, or the disk is full.
    """
    out = out.resolve()
    if out.is_file():
        raise UserError(f"{out} is a file: choose a folder for --out.")
    if any("\udc80" <= letter <= "\udcff" for letter in str(out)):  # as Python has such bytes
        raise UserError(f"{os.fsencode(out)!r} is no name in UTF-8: choose another --out.")
    with _claimed(work_folder(out)) as work:
        recover(out)
        if not overwrite:
            _refuse_to_replace(out, keeps=not resume and _worth_resuming(work, keep))
        elif out.exists() and any(out.iterdir()) and not (out / marker).exists():
            raise UserError(f"{out} holds no {marker}, so it is not ours to overwrite.")
        if not (resume and _worth_resuming(work, keep)):
            _empty(work)
        for half in list(work.rglob(".*.tmp")):  # of an attempt that was killed
            half.unlink()
        try:
            with _told_if_full(out, work):
                yield work
        except BaseException:
            if not _worth_resuming(work, keep):
                _empty(work)
            raise
        old = replaced(out)
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        (work / _LOCK).unlink(missing_ok=True)
        work.rename(out)
        shutil.rmtree(old, ignore_errors=True)


def _refuse_to_replace(out: Path, *, keeps: bool) -> None:
    """Refuse a folder that exists, or an attempt at it that `keeps` what is worth resuming."""
    if out.exists():
        raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
    if keeps:
        raise UserError(
            f"{work_folder(out)} is left from an interrupted attempt: pass --resume to continue "
            f"it, or --overwrite to start again, which loses nothing else, as {out} does not exist."
        )


@contextmanager
def _claimed(work: Path) -> Iterator[Path]:
    """Make a work folder, or take it over, unless another process is at work in it.

    The lock is the operating system's and ends with its process, so that none is left over. The
    folder goes afterwards if nothing but the lock is in it.
    """
    # Imported late, so that --help is quick.
    from filelock import FileLock, Timeout

    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UserError(
            f"Another process is at work in {work} right now: wait for it, or choose another --out."
        ) from error
    try:
        yield work
    finally:
        (work / _LOCK).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # it became the folder, or holds what is worth resuming
            work.rmdir()


def _empty(work: Path) -> None:
    for path in work.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def work_folder(out: Path) -> Path:
    """Return the folder in which `atomic_folder` makes `out`."""
    out = out.resolve()
    return out.with_name(out.name + ".partial")


def is_locked(lock: Path) -> bool:
    """Return whether a process holds a lock; that of a process that has ended is free."""
    from filelock import FileLock, Timeout

    if not lock.exists():
        return False
    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def at_work(out: Path) -> bool:
    """Return whether a process is making a folder by `atomic_folder`."""
    return is_locked(work_folder(out) / _LOCK)


def replaced(out: Path) -> Path:
    """Return where `atomic_folder` keeps the old folder while the new one takes its place."""
    return out.with_name(out.name + ".old")


def recover(out: Path) -> None:
    """Put a folder back in its place if `atomic_folder` was killed between its two renames."""
    if replaced(out).exists() and not out.exists():
        replaced(out).rename(out)


@contextmanager
def _told_if_full(path: Path, work: Path) -> Iterator[None]:
    """Turn an error that says that the disk is full into that of `_disk_full`."""
    try:
        yield
    except Exception as error:
        if _says_full(error):
            raise _disk_full(path, _free(work)) from error
        raise


def _says_full(error: Exception) -> bool:
    if isinstance(error, UserError):
        return False
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or os.strerror(errno.ENOSPC) in str(error)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _disk_full(path: Path, left: int, size: int | None = None) -> UserError:
    room = f"{left / 1e6:,.1f} MB"
    needs = f"{size / 1e6:,.1f} MB, and {room} are left" if size else f"more than the {room} left"
    return UserError(
        f"The disk of {path.parent} is full: {path.name} needs {needs}. Make room there, or choose "
        "a folder on another disk."
    )


def _worth_resuming(work: Path, keep: str) -> bool:
    return bool(keep) and (work / keep).exists()
