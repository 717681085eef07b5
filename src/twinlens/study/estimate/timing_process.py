"""Time and memory of runs, measured in a process of its own.

This module is the program of that process: it reads tasks as JSON and writes answers. So nothing
counts that was in memory before, and nothing stays there.
"""

import gc
import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from twinlens import console
from twinlens.engine.memory import largest_that_fits
from twinlens.errors import lacks_memory
from twinlens.study.estimate.records import Answer, Cost, TimingTask, TimingTasks
from twinlens.study.estimate.run_timing import seconds


def measure(task: TimingTask) -> Cost:
    """Measure; where the batch does not fit into memory, find one that does."""
    try:
        return _measured(task, task.batch_size)
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not lacks_memory(error):
            raise
    fits = largest_that_fits(lambda size: _measured(task, size), task.batch_size, least=2)
    return Cost(seconds=[], memory=0, fits=fits)


def _measured(task: TimingTask, batch_size: int) -> Cost:
    """Measure with a batch size."""
    gc.collect()
    if task.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with TemporaryDirectory() as folder:
        measured = seconds(task, Path(folder), batch_size)
        return Cost(seconds=measured, memory=_peak(task.device))


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
