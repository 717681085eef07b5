"""Claims: of all processes that work on a study, one alone does a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from twinlens.study.running.paths import STUDY


@contextmanager
def claimed(study: Path, run: str) -> Iterator[bool]:
    """Claim a run for as long as the context lasts, and yield whether nobody else has it.

    The claim is a lock of the operating system, which ends with the process that holds it, however
    that ends: there are no stale claims. Somebody may have done the run before, so look again.

    Args:
        study: Folder of the study.
        run: Id of the run.
    """
    lock = FileLock(study / "runs" / f"{run}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def alone(study: Path) -> FileLock:
    """Return a lock under which one process at a time writes what belongs to the whole study."""
    study.mkdir(parents=True, exist_ok=True)
    return FileLock(study / f".{STUDY}.lock")
