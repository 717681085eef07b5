"""Locks: of all processes that work on a study, only one carries out a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from twinlens.study.running.paths import STUDY, lock_file


@contextmanager
def locked(study: Path, run: str) -> Iterator[bool]:
    """Try to lock a run for as long as the context lasts, and yield whether that succeeded.

    The lock is the operating system's and ends with the process that holds it, however that ends:
    there are no stale locks. Another process may have finished the run before, so check again.

    Args:
        study: Folder of the study.
        run: Id of the run.
    """
    lock = FileLock(lock_file(study, run))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def study_lock(study: Path) -> FileLock:
    """Return the lock under which one process at a time writes the study's own files."""
    study.mkdir(parents=True, exist_ok=True)
    return FileLock(study / f".{STUDY}.lock")
