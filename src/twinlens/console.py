"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LINE_EVERY_S = 10.0

quiet = False
"""Set in all but the first of several processes."""

_bar_is_shown = False


def say(text: str) -> None:
    """Print a line of progress to standard error, so that standard output stays clean."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time in words, such as ``3 h 20 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show progress of a task with a known number of steps, but no bar inside another one.

    Args:
        title: What is being done, in a few words.
        total: Number of steps.

    Yields:
        A function of (steps done so far, a few words such as the loss).
    """
    global _bar_is_shown
    if quiet or not sys.stderr.isatty():
        yield _plain_lines(title, total)
        return
    if _bar_is_shown:
        yield lambda *_: None
        return

    # Imported late, so that --help is quick.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        _bar_is_shown, task = True, bar.add_task(title, total=total, note="")
        try:
            yield lambda done, note: bar.update(task, completed=done, note=note)
        finally:
            _bar_is_shown = False


def _plain_lines(title: str, total: int) -> Callable[[int, str], None]:
    last = time.monotonic()

    def show(done: int, note: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_EVERY_S:
            last = time.monotonic()
            say(f"{title}: {done}/{total} {note}".rstrip())

    return show
