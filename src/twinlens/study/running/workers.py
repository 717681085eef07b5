"""Worker processes on this machine."""

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
from twinlens.study.running.pool import Pool

POLL_S = 1.0
"""Seconds between two checks of the workers."""

Worker = Callable[[Callable[[], bool]], None]
"""What a worker runs: a function of `should_stop`, which it asks whether to stop gracefully. It
can be pickled."""


def in_processes(worker: Worker, pool: Pool, on_progress: Callable[[int], None]) -> None:
    """Run a worker in several processes, each with a GPU or its share of the cores.

    They stop gracefully at Ctrl-C, and if this process is killed. A worker that dies is reported,
    and the others continue.

    Args:
        worker: What each process runs.
        pool: How many processes; on GPUs no more than they take.
        on_progress: Called once a second with the number of running processes.
    """
    processes, stop_pipes = list[SpawnProcess](), list[Connection]()
    try:
        for number, environment in enumerate(_environments(pool), start=1):
            process, stop_pipe = _start(worker, f"Worker {number}", environment)
            processes.append(process)
            stop_pipes.append(stop_pipe)
        _wait(processes, on_progress)
    except KeyboardInterrupt:
        say("Stopping: every worker ends its step and saves a checkpoint. At once: Ctrl-C again.")
        for stop_pipe in stop_pipes:
            stop_pipe.close()
        for process in processes:
            process.join()
        raise
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _environments(pool: Pool) -> list[dict[str, str]]:
    """Return for each worker the variables that assign its GPU, or its share of the cores."""
    count = pool.workers or 1
    if pool.device in ("auto", "cuda") and torch.cuda.is_available():
        every = ",".join(map(str, range(torch.cuda.device_count())))
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", every).split(",")
        places = gpus * pool.runs_per_gpu
        if count > len(places):
            each = "one run" if pool.runs_per_gpu == 1 else f"{pool.runs_per_gpu} runs"
            say(
                f"{len(places)} instead of {count} workers: a GPU does {each} at a time "
                "(--runs-per-gpu)."
            )
        return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in places[:count]]
    return [{"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // count))}] * count


def _start(
    worker: Worker, name: str, environment: dict[str, str]
) -> tuple[SpawnProcess, Connection]:
    """Start a process, which stops when the connection that is returned is closed."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(worker, receiver), name=name)
    with _variables(environment):  # before torch starts there
        process.start()
    receiver.close()
    return process, sender


def _run(worker: Worker, stop_pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the other end decides
    console.quiet = True
    worker(stop_pipe.poll)  # true once the other end is closed, or its process is gone


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


def _wait(processes: list[SpawnProcess], on_progress: Callable[[int], None]) -> None:
    running = list(processes)
    while running:
        wait([process.sentinel for process in running], timeout=POLL_S)
        ended = [process for process in running if not process.is_alive()]
        running = [process for process in running if process not in ended]
        on_progress(len(running))
        for process in ended:
            if process.exitcode:
                report_death(f"{process.name} died with exit code {process.exitcode}", len(running))


def report_death(what: str, left: int) -> None:
    """Print that a worker died, and what becomes of its run.

    Args:
        what: Which worker, and how.
        left: Number of workers that are left.
    """
    say(f"{what}. " + ("The others take over its run." if left else "No worker is left."))
