"""Time and memory of runs, measured in a process of its own.

This module is the program of that process: what is to be measured comes in as JSON, and what was
found goes out. So nothing counts that was in memory before, and nothing stays there.
"""

import gc
import json
import math
import os
import resource
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from twinlens import console
from twinlens.study.estimate.run_timing import Task, pretraining_seconds, training_seconds

_LACK_OF_MEMORY = ("can't allocate memory", "could not create a primitive", "bad_alloc")
"""What torch and the libraries below it say on a CPU."""


@dataclass(frozen=True)
class Cost:
    """What was found.

    Attributes:
        seconds: Of a training with each of the task's label fractions; of a pretraining.
        memory: Largest number of bytes in memory.
        fits: Where the batch needs more memory than there is: the largest power of two that does
            not, or 0.
    """

    seconds: list[float]
    memory: int
    fits: int | None = None


def measure(task: Task) -> Cost:
    """Measure; where the batch does not fit into memory, find one that does."""
    batch = task.arguments["settings"]["batch_size"]
    found = _attempt(task, batch)
    if found:
        return found
    smaller = 2 ** math.ceil(math.log2(batch) - 1)
    while smaller > 1 and not _attempt(task, smaller):
        smaller //= 2
    return Cost([], 0, fits=smaller if smaller > 1 else 0)


def _attempt(task: Task, batch_size: int) -> Cost | None:
    """Measure with a batch size; None where there is not enough memory."""
    gc.collect()
    if task.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    settings = task.arguments["settings"] | {"batch_size": batch_size}
    task = replace(task, arguments=task.arguments | {"settings": settings})
    seconds = pretraining_seconds if task.kind == "pretrain" else training_seconds
    try:
        with TemporaryDirectory() as folder:
            return Cost(seconds(task, Path(folder)), _peak(task.device))
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
    """Return a number of bytes that Linux tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    """Measure the tasks on standard input; print a line of JSON for each.

    On a CPU of Linux no task takes more memory than the bytes given with them.
    """
    console.quiet = True
    asked = json.load(sys.stdin)
    for task in [Task(**content) for content in asked["tasks"]]:
        if sys.platform != "linux":
            _answer(task)
        elif child := os.fork():  # a process each, so that no task counts for the next one
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status:
                why = f"its process died ({status}), perhaps for lack of memory."
                print(json.dumps({"error": why}), flush=True)
        else:
            if task.device == "cpu":
                most = _status("VmData") + asked["free"]
                resource.setrlimit(resource.RLIMIT_DATA, (most, most))
            _answer(task)
            os._exit(0)


def _answer(task: Task) -> None:
    try:
        found: dict[str, Any] = asdict(measure(task))
    except Exception as error:  # the process that asked tells it
        found = {"error": str(error) or repr(error)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
