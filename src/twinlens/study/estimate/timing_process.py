"""Time and memory of runs, measured in a process of its own.

This module is the program of that process: it reads tasks as JSON and writes answers. So nothing
counts that was in memory before, and nothing stays there.
"""

import gc
import math
import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from twinlens import console
from twinlens.study.estimate.records import Answer, Cost, TimingTask, TimingTasks
from twinlens.study.estimate.run_timing import seconds

_LACK_OF_MEMORY = ("can't allocate memory", "could not create a primitive", "bad_alloc")
"""What torch and the libraries below it say on a CPU."""


def measure(task: TimingTask) -> Cost:
    """Measure; where the batch does not fit into memory, find one that does."""
    cost = _attempt(task, task.batch_size)
    if cost:
        return cost
    smaller = 2 ** math.ceil(math.log2(task.batch_size) - 1)
    while smaller > 1 and not _attempt(task, smaller):
        smaller //= 2
    return Cost(seconds=[], memory=0, fits=smaller if smaller > 1 else 0)


def _attempt(task: TimingTask, batch_size: int) -> Cost | None:
    """Measure with a batch size; None where there is not enough memory."""
    gc.collect()
    if task.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        with TemporaryDirectory() as folder:
            measured = seconds(task, Path(folder), batch_size)
            return Cost(seconds=measured, memory=_peak(task.device))
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return None
        if task.device == "cpu" and any(text in str(error) for text in _LACK_OF_MEMORY):
            return None
        raise


def _peak(device: str) -> int:
    """Return the largest number of bytes so far: of tensors on a GPU, else of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if Path("/proc/self/status").exists():  # Linux, whose getrusage knows of earlier processes
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _status(name: str) -> int:
    """Return a number of bytes that Linux reports of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    """Measure the tasks on standard input; print a line of JSON for each.

    On a CPU of Linux no task takes more memory than the bytes given with them.
    """
    console.quiet = True
    asked = TimingTasks.model_validate_json(sys.stdin.read())
    torch.set_num_threads(asked.threads)
    for task in asked.tasks:
        if sys.platform != "linux":
            _print(_answer(task))
        elif child := os.fork():  # a process each, so that no task counts for the next one
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status:
                why = f"its process died ({status}), perhaps for lack of memory."
                _print(Answer(error=why))
        else:
            if task.device == "cpu":
                most = _status("VmData") + asked.free
                resource.setrlimit(resource.RLIMIT_DATA, (most, most))
            _print(_answer(task))
            os._exit(0)


def _answer(task: TimingTask) -> Answer:
    try:
        return Answer(cost=measure(task))
    except Exception as error:  # the process that asked reports it
        return Answer(error=str(error) or repr(error))


def _print(answer: Answer) -> None:
    print(answer.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
