"""Rehearsals: runs that do a part of their work, to estimate how long all of it takes.

A rehearsal is `train` or `pretrain` itself. Work that takes long goes through `scaled`, `repeated`
or `first_steps`, which do all of it in a run and a part of it in a rehearsal. All other work is
done as it is, so that nothing has to be declared to be estimated.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from twinlens.data.splits import Split, unlabelled_rows
from twinlens.types import Rows

ENOUGH_S = 1.0
"""Seconds after which a part of any work has taken long enough."""

_SMALL = 32

T = TypeVar("T")


class Rehearsal:
    """A clock that also counts the seconds that skipped work would have taken.

    Attributes:
        per_image: Seconds of work in proportion to the number of training images.
    """

    def __init__(self) -> None:
        self.per_image = 0.0
        self._skipped = 0.0

    def now(self) -> float:
        """Return the time in seconds, skipped work included."""
        return time.monotonic() + self._skipped

    def count(self, began: float, seconds: float) -> None:
        """Let the work that began at a time have taken so many seconds."""
        self._skipped += began + seconds - self.now()


_current: ContextVar[Rehearsal | None] = ContextVar("rehearsal", default=None)


@contextmanager
def rehearsing() -> Iterator[Rehearsal]:
    """Make rehearsals of the runs in this context."""
    token = _current.set(Rehearsal())
    try:
        yield current_rehearsal() or Rehearsal()
    finally:
        _current.reset(token)


def current_rehearsal() -> Rehearsal | None:
    """Return the rehearsal that is in progress, or None in a run."""
    return _current.get()


def scaled(work: Callable[[int], T], size: int) -> T:
    """Do work of a size; in a rehearsal, a part of it, whose time is scaled up.

    A small part comes first: it warms up, and shows how large a part takes long enough.

    Args:
        work: Function of a size that takes time in proportion to it, and can be repeated.
        size: Size of the whole work.

    Returns:
        The result of `work`; in a rehearsal, that of the part.
    """
    rehearsal, part = current_rehearsal(), min(size, _SMALL)
    if rehearsal is None or not part:
        return work(size)
    began = start = rehearsal.now()
    result, seconds = work(part), rehearsal.now() - start
    if seconds < ENOUGH_S:
        part = min(size, max(part, int(part * ENOUGH_S / max(seconds, 1e-3))))
        start = rehearsal.now()
        result, seconds = work(part), rehearsal.now() - start
    rehearsal.count(began, seconds * size / part)
    return result


def repeat_to(
    outputs: Float[np.ndarray, "part output"], size: int
) -> Float[np.ndarray, "image output"]:
    """Return outputs of shape (size, ...): in a rehearsal, those of a part are repeated."""
    return outputs if len(outputs) == size else outputs[np.resize(np.arange(len(outputs)), size)]


@contextmanager
def repeated(times: int) -> Iterator[None]:
    """In a rehearsal, count the time of the context so many times."""
    rehearsal = current_rehearsal()
    began = rehearsal.now() if rehearsal else 0.0
    yield
    if rehearsal:
        rehearsal.count(began, times * (rehearsal.now() - began))


@contextmanager
def in_proportion() -> Iterator[None]:
    """In a rehearsal, note that the work takes time in proportion to the training images."""
    rehearsal = current_rehearsal()
    began = rehearsal.now() if rehearsal else 0.0
    yield
    if rehearsal:
        rehearsal.per_image += rehearsal.now() - began


def first_steps(rehearsal: Rehearsal, take_step: Callable[[int], object], total: int) -> float:
    """Take the first of some training steps, and count the time of all.

    The first step counts only where it alone takes long enough, or is the only one.

    Args:
        rehearsal: The rehearsal in progress.
        take_step: Function of the number of a step.
        total: Number of steps, 1 or more.

    Returns:
        The seconds of all steps.
    """
    began = start = rehearsal.now()
    taken = 0
    for step in range(total):
        take_step(step)
        taken, elapsed = taken + 1, rehearsal.now() - start
        if elapsed >= ENOUGH_S:
            break
        if step == 0 and total > 1:
            taken, start = 0, rehearsal.now()
    seconds = elapsed / taken * total
    rehearsal.count(began, seconds)
    return seconds


def visible_split(split: Split) -> Split:
    """Return the split; in a rehearsal, with other images in place of validation and test images.

    Those stay unopened: training images stand for them, or unlabelled ones where there are none.
    """
    if current_rehearsal() is None:
        return split
    pool = split.rows["train"] if len(split.rows["train"]) else unlabelled_rows(split)
    held_out: dict[str, Rows] = {
        part: np.resize(pool, len(split.rows[part])) for part in ("val", "test")
    }
    return replace(split, rows={**split.rows, **held_out})
