"""What `twinlens compare` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import SHARING, Request


@dataclass(frozen=True)
class CompareRequest(Request):
    """Compare arms x seeds x label fractions, and write the report. Resumes where it stopped.

    Attributes:
        study: A study file, such as studies/demo.yaml.
        out: Folder to make.
        settings: Changes of the study file, as KEY.SUBKEY=VALUE.
        device: auto, cpu, cuda or mps.
        workers: Runs at the same time; on GPUs no more than they take. 0: as many as finish soonest
            on this machine, which is the command's default.
        runs_per_gpu: Runs that share a GPU, where there are more workers than GPUs.
        ray: Do the runs on a Ray cluster: HOST:PORT, auto for the one that this machine belongs
            to, or local for a new one here.
        max_hours: Stop gracefully after so many hours; the same command resumes the study.
        loggers: tensorboard, mlflow or wandb, beside CSV files.
        dry_run: List the runs and their estimated time and memory, and stop.
        resume: Continue in `out` although the study was changed, keeping the runs that stay the
            same.
    """

    COMMAND: ClassVar = "compare"
    POSITIONAL: ClassVar = ("study",)
    OPTIONS: ClassVar = {"loggers": "logger"}
    HANDLING: ClassVar = (*Request.HANDLING, *SHARING)

    study: Path | str
    out: Path | str
    _: KW_ONLY
    settings: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    runs_per_gpu: int = 1
    ray: str | None = None
    max_hours: float | None = None
    loggers: tuple[str, ...] = ()
    dry_run: bool = False
    resume: bool = False
