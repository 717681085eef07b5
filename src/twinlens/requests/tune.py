"""What `twinlens tune` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import SHARING, Request


@dataclass(frozen=True)
class TuneRequest(Request):
    """Search the settings of an arm on folds of the training images. Resumes where it stopped.

    Attributes:
        study: A study file; its key `search` says what to try.
        out: Folder to make.
        arm: Arm whose settings are searched; default: the only one that is no frozen baseline.
        trials: Number of trials.
        folds: Parts of the labelled training images, each held out once.
        seeds: Seeds that every trial runs with, the first of the arm's; each draws its own folds.
        label_fraction: Share of the labelled training images that the search may use; default: the
            study's largest.
        settings: Changes of the study file, as KEY.SUBKEY=VALUE.
        seed: Seed of the suggestions.
        device: auto, cpu, cuda or mps.
        workers: Trials at the same time; on GPUs no more than they take.
        runs_per_gpu: Trials that share a GPU, where there are more workers than GPUs.
        ray: Do the trials on a Ray cluster: HOST:PORT, auto for the one that this machine belongs
            to, or local for a new one here.
        max_hours: Stop gracefully after so many hours; the same command resumes the search.
        dry_run: Say what would be searched, and stop.
    """

    COMMAND: ClassVar = "tune"
    POSITIONAL: ClassVar = ("study",)
    HANDLING: ClassVar = (*Request.HANDLING, *SHARING)

    study: Path | str
    out: Path | str
    _: KW_ONLY
    arm: str | None = None
    trials: int = 30
    folds: int = 5
    seeds: int = 1
    label_fraction: float | None = None
    settings: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    workers: int | None = None
    runs_per_gpu: int = 1
    ray: str | None = None
    max_hours: float | None = None
    dry_run: bool = False
