"""Carrying out a plan: each run once, in its own folder, whole or not there."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from twinlens.console import say
from twinlens.engine.loop import Stopped, must_stop
from twinlens.errors import UserError
from twinlens.evaluation.test_access import TEST_ACCESS
from twinlens.finetuning.train import train
from twinlens.pretraining.pretrain import pretrain
from twinlens.study.planning.external_predictions import score
from twinlens.study.planning.plan import Run
from twinlens.study.running.failures import failure, forget_failures, note_failure
from twinlens.study.running.locks import claimed
from twinlens.study.running.paths import is_finished, run_folder
from twinlens.study.running.ray_workers import on_ray
from twinlens.study.running.workers import in_processes

LOOK_AGAIN_S = 1.0
"""Seconds until a process looks again for a run, where others do all that can be done."""


@dataclass(frozen=True)
class Job:
    """What every process that works on a study is told.

    Attributes:
        plan: The runs, each after what it needs.
        study: Folder of the study.
        data: Folder of the data set.
        split: Name of the split.
        device: "auto", "cpu", "cuda" or "mps".
        loggers: Names in `LOGGERS`, beside "csv".
        deadline: When to stop in good order, by `time.time`.
    """

    plan: list[Run]
    study: Path
    data: str
    split: str
    device: str
    loggers: tuple[str, ...] = ()
    deadline: float = math.inf


def execute(
    job: Job,
    *,
    workers: int | None = None,
    ray: str | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> dict[str, str]:
    """Do the runs that are not done yet; resume what was interrupted, try again what failed.

    A run that fails does not stop the others, save those that need it.

    Args:
        job: The runs, and how to do them.
        workers: Processes that do runs at the same time; None for this one alone.
        ray: Address of a Ray cluster that does them instead; see `cluster.on_ray`.
        tell: Called from time to time with the number of processes, to show progress.

    Returns:
        For each run that failed, why.
    """
    (job.study / "runs").mkdir(exist_ok=True)
    forget_failures(job.study)
    if ray:
        on_ray(partial(work, job), ray, workers, job.device, tell)
    elif workers and workers > 1:
        in_processes(partial(work, job), workers, job.device, tell)
    else:
        work(job, tell=tell)
    reasons = {run.id: failure(job.study, run.id) for run in job.plan}
    if time.time() < job.deadline:
        died = "All workers died before it was done."
        reasons |= {run.id: reasons[run.id] or died for run in unsettled(job)}
    return {run: reason for run, reason in reasons.items() if reason}


def unsettled(job: Job) -> list[Run]:
    """Return the runs that are not done and did not fail."""
    return [run for run in job.plan if not _is_settled(job, run)]


def _is_settled(job: Job, run: Run) -> bool:
    return is_finished(job.study, run) or failure(job.study, run.id) is not None


def work(
    job: Job,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Do runs until none is left, beside any other process that does the same.

    Args:
        job: The runs, and how to do them.
        stop: Asked whether to stop in good order: the run goes on from there another time.
        tell: Called with 1 after each run.
    """
    told = False
    token = must_stop.set(lambda: time.time() >= job.deadline or stop())
    try:
        while (left := unsettled(job)) and not must_stop.get()():
            if not any(_take(run, job) for run in left):
                if not told:
                    say("Other processes do what can be done now: waiting for them.")
                told = True
                time.sleep(LOOK_AGAIN_S)
            tell(1)
    except Stopped:
        pass
    finally:
        must_stop.reset(token)


def _take(run: Run, job: Job) -> bool:
    """Do a run if it can be done now and nobody else does it; return whether that settled it."""
    if run.needs and not is_finished(job.study, _needed(run, job)):
        if failure(job.study, run.needs) is None:
            return False
        note_failure(job.study, run.id, UserError(f"It needs {run.needs}, which failed."))
        return True
    with claimed(job.study, run.id) as mine:
        if not mine or _is_settled(job, run):
            return False
        say(f"Run {run.id}")
        try:
            _do(run, job)
        except Stopped:
            raise
        except Exception as error:  # whatever it was, the other runs may be all right
            note_failure(job.study, run.id, error)
    return True


def _needed(run: Run, job: Job) -> Run:
    return next(other for other in job.plan if other.id == run.needs)


def _do(run: Run, job: Job) -> None:
    out, log = run_folder(job.study, run), job.study / TEST_ACCESS
    common: dict[str, Any] = run.arguments | {"split": job.split}
    if run.kind == "predictions":
        score(job.data, out, test_access=log, **common)
        return
    common |= {"device": job.device, "loggers": job.loggers, "resume": True}
    if run.kind == "pretrain":
        pretrain(job.data, out, **common)
        return
    pretrained = run_folder(job.study, _needed(run, job)) if run.needs else None
    train(job.data, out, pretrained=pretrained, test_access=log, **common)
