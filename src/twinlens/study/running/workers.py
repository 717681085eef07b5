"""Several processes of this machine that do the same task."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from twinlens import console
from twinlens.console import say

LOOK_EVERY_S = 1.0

Task = Callable[[Callable[[], bool]], None]
"""Function of a function that says whether to stop in good order. It can be pickled."""


def in_processes(task: Task, count: int, device: str, tell: Callable[[int], None]) -> None:
    """Do a task in several processes, each with its own GPU or its share of the cores.

    They stop in good order at Ctrl-C, and where this process is killed. One that dies is named,
    and the others go on.

    Args:
        task: What each of them does.
        count: How many; no more than there are GPUs, where there are any to be used.
        device: "auto", "cpu", "cuda" or "mps".
        tell: Called once a second with the number of processes.
    """
    environments = _environments(count, device)
    workers, leashes = list[SpawnProcess](), list[Connection]()
    try:
        for number, environment in enumerate(environments, start=1):
            worker, stop_pipe = _start(task, f"Worker {number}", environment)
            workers.append(worker)
            leashes.append(stop_pipe)
        _wait(workers, tell)
    except KeyboardInterrupt:
        say("Stopping: every worker ends its step and keeps a checkpoint. At once: Ctrl-C again.")
        for stop_pipe in leashes:
            stop_pipe.close()
        for worker in workers:
            worker.join()
        raise
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _environments(count: int, device: str) -> list[dict[str, str]]:
    """Return for each worker the variables that give it its GPU, or its share of the cores."""
    if device in ("auto", "cuda") and torch.cuda.is_available():
        every = ",".join(map(str, range(torch.cuda.device_count())))
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", every).split(",")
        if count > len(gpus):
            say(f"{len(gpus)} instead of {count} workers: a GPU does one run at a time.")
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:count]]
    return [{"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // count))}] * count


def _start(task: Task, name: str, environment: dict[str, str]) -> tuple[SpawnProcess, Connection]:
    """Start a worker, which stops when the connection that is returned is closed."""
    context = get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(task, theirs), name=name)
    with _variables(environment):  # before torch starts there
        worker.start()
    theirs.close()
    return worker, ours


def _work(task: Task, stop_pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the other end decides
    console.quiet = True
    task(stop_pipe.poll)  # true once the other end is closed, or its process is gone


@contextmanager
def _variables(changes: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in changes:
            del os.environ[name]
        os.environ.update(before)


def _wait(workers: list[SpawnProcess], tell: Callable[[int], None]) -> None:
    running = list(workers)
    while running:
        wait([worker.sentinel for worker in running], timeout=LOOK_EVERY_S)
        ended = [worker for worker in running if not worker.is_alive()]
        running = [worker for worker in running if worker not in ended]
        tell(len(running))
        for worker in ended:
            if worker.exitcode:
                tell_death(f"{worker.name} died with exit code {worker.exitcode}", len(running))


def tell_death(what: str, left: int) -> None:
    """Say that a worker died, and what becomes of its run.

    Args:
        what: Who it was, and how.
        left: Number of workers that are left.
    """
    say(f"{what}. " + ("The others take its run over." if left else "No worker is left."))
