"""What the process that times runs is asked for, and what it answers."""

from typing import Annotated

from pydantic import Field

from twinlens.records.base import Record
from twinlens.records.plan import PlannedPretraining, PlannedTraining

TimedRun = PlannedPretraining | PlannedTraining


class TimingTask(Record):
    """Runs that differ only in seed, weights and label fraction, and so are timed once.

    Attributes:
        run: One of them; of trainings one with the largest label fraction.
        label_fractions: Of trainings; empty for pretrainings.
        batch_size: Images per step.
        device: "cpu", "cuda" or "mps".
    """

    run: Annotated[TimedRun, Field(discriminator="kind")]
    label_fractions: list[float]
    batch_size: int
    device: str


class TimingTasks(Record):
    """What is to be timed, and with what.

    Attributes:
        tasks: The tasks.
        free: Bytes of memory that they may have at most, on a CPU of Linux.
        threads: Threads that torch may use.
    """

    tasks: list[TimingTask]
    free: int
    threads: int


class Cost(Record):
    """Time and memory of runs, as measured.

    Attributes:
        seconds: Of a training with each of the task's label fractions; of a pretraining.
        memory: Largest number of bytes in memory.
        fits: Where the batch needs more memory than there is: the largest power of two that does
            not, or 0.
    """

    seconds: list[float]
    memory: int
    fits: int | None = None


class Answer(Record):
    """A cost, or why there is none."""

    cost: Cost | None = None
    error: str | None = None
