"""Forks of this process, which is warm, and what kills them."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = ("rename", "replace", "fsync", "unlink", "mkdir", "rmdir")


@dataclass
class Tally:
    """What has become of a command.

    Attributes:
        kills: Number of kills by kind.
        finished: Kills after which the result was there already.
        trials: How often it was carried out to its end after kills.
        equal: How often the result was the one that it must be.
        confirmed: Labels or images that a server has confirmed, less those taken back.
    """

    kills: dict[str, int] = field(default_factory=dict)
    finished: int = 0
    trials: int = 0
    equal: int = 0
    confirmed: int = 0

    def count(self, kind: str) -> None:
        """Count a kill."""
        self.kills[kind] = self.kills.get(kind, 0) + 1

    @property
    def killed(self) -> int:
        """Number of kills."""
        return sum(self.kills.values())


def forked(act: Callable[[], Any], log: Path | int) -> int:
    """Do something in a fork of this process; return its id.

    Args:
        act: What to do.
        log: File, or descriptor, to which it prints.
    """
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        if isinstance(log, Path):
            log.parent.mkdir(parents=True, exist_ok=True)
            log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def end(process: int) -> int:
    """Wait for a fork to end, and return its exit code, or the negative number of a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@contextmanager
def calls(which: int | None = None, after: bool = False) -> Iterator[list[str]]:
    """Count this process's calls of the functions in `CALLS`, and kill it at one of them."""
    made: list[str] = []
    originals = {name: getattr(os, name) for name in CALLS}

    def counting(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            made.append(name)
            ours = len(made) - 1 == which
            if ours and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return originals[name](*arguments, **options)
            finally:
                if ours:
                    os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in CALLS:
        setattr(os, name, counting(name))
    try:
        yield made
    finally:
        for name, original in originals.items():
            setattr(os, name, original)
