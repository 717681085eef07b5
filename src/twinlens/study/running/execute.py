"""Carrying out a plan: each run once, in its own folder, whole or not there."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from twinlens.console import say
from twinlens.engine.loop import Stopped, must_stop
from twinlens.errors import UserError
from twinlens.evaluation.test_access import TEST_ACCESS
from twinlens.finetuning.train import train
from twinlens.inference.feature_cache import feature_folder
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.plan import PlannedRun
from twinlens.study.planning.external_predictions import score
from twinlens.study.running.failures import failure, forget_failures, note_failure
from twinlens.study.running.locks import locked
from twinlens.study.running.paths import FEATURES, is_finished, run_folder, runs_folder
from twinlens.study.running.pool import Pool
from twinlens.study.running.ray_workers import on_ray
from twinlens.study.running.workers import in_processes

POLL_S = 1.0
"""Seconds until a process checks for runs again, where others do all that can be done."""


@dataclass(frozen=True)
class Execution:
    """What every process that works on a study needs to know.

    Attributes:
        plan: The runs, each after the one that it needs.
        study: Folder of the study.
        device: "auto", "cpu", "cuda" or "mps".
        loggers: Names in `LOGGERS`, beside "csv".
        deadline: When to stop gracefully, by `time.time`.
    """

    plan: list[PlannedRun]
    study: Path
    device: str
    loggers: tuple[str, ...] = ()
    deadline: float = math.inf

    def unsettled(self) -> list[PlannedRun]:
        """Return the runs that are not finished and did not fail."""
        return [run for run in self.plan if not self.is_settled(run)]

    def is_settled(self, run: PlannedRun) -> bool:
        """Return whether a run is finished or failed."""
        return is_finished(self.study, run) or failure(self.study, run.id) is not None


def execute(
    execution: Execution,
    pool: Pool | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, str]:
    """Carry out the runs that are not finished; resume interrupted ones, repeat failed ones.

    A run that fails does not stop the others, except those that need it.

    Args:
        execution: The runs, and how to carry them out.
        pool: Processes that share them; None for this one only.
        on_progress: Called from time to time with the number of processes.

    Returns:
        For each run that failed, why.
    """
    runs_folder(execution.study).mkdir(exist_ok=True)
    forget_failures(execution.study)
    worker = partial(run_all, execution)
    share_work(worker, pool or Pool(execution.device), on_progress)
    reasons = {run.id: failure(execution.study, run.id) for run in execution.plan}
    if time.time() < execution.deadline:
        died = "All workers died before it was finished."
        reasons |= {run.id: reasons[run.id] or died for run in execution.unsettled()}
    return {run: reason for run, reason in reasons.items() if reason}


def share_work(worker: Callable[..., None], pool: Pool, on_progress: Callable[[int], None]) -> None:
    """Run a worker in this process, in several, or on a Ray cluster; see `execute`.

    The worker is a function of `should_stop`, and in this process of `on_progress` as well; see
    `run_all`. It can be pickled, and shares the work with others like it by locks.
    """
    if pool.ray:
        on_ray(worker, pool, on_progress)
    elif pool.workers and pool.workers > 1:
        in_processes(worker, pool, on_progress)
    else:
        worker(lambda: False, on_progress)


def run_all(
    execution: Execution,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Carry out runs until none is left, beside any other process that does the same.

    Args:
        execution: The runs, and how to carry them out.
        should_stop: Asked whether to stop gracefully: the run can be resumed later.
        on_progress: Called with 1 after each run.
    """
    waiting = False
    token = must_stop.set(lambda: time.time() >= execution.deadline or should_stop())
    try:
        while (left := execution.unsettled()) and not must_stop.get()():
            if not any(_try_run(run, execution) for run in left):
                if not waiting:
                    say("Waiting for runs of other processes.")
                waiting = True
                time.sleep(POLL_S)
            on_progress(1)
    except Stopped:
        pass
    finally:
        must_stop.reset(token)


def _try_run(run: PlannedRun, execution: Execution) -> bool:
    """Carry out a run if it is free and what it needs is finished; return whether it settled."""
    study = execution.study
    if run.needs and not is_finished(study, _needed(run, execution)):
        if failure(study, run.needs) is None:
            return False
        note_failure(study, run.id, UserError(f"It needs {run.needs}, which failed."))
        return True
    with locked(study, run.id) as is_ours:
        if not is_ours or execution.is_settled(run):
            return False
        say(f"Run {run.id}")
        try:
            _carry_out(run, execution)
        except Stopped:
            raise
        except Exception as error:  # whatever it was, other runs may succeed
            note_failure(study, run.id, error)
    return True


def _needed(run: PlannedRun, execution: Execution) -> PlannedRun:
    return next(other for other in execution.plan if other.id == run.needs)


def _carry_out(run: PlannedRun, execution: Execution) -> None:
    """Carry out a run in its folder."""
    study, device, loggers = execution.study, execution.device, execution.loggers
    out, log = run_folder(study, run), study / TEST_ACCESS
    if run.kind == "predictions":
        score(replace(run.request, out=out, test_access=log))
    elif run.kind == "pretrain":
        request = replace(run.request, out=out, device=device, loggers=loggers, resume=True)
        pretrain.run(request)
    else:
        pretrained = run_folder(study, _needed(run, execution)) if run.needs else None
        common = replace(run.request, out=out, device=device, loggers=loggers, resume=True)
        token = feature_folder.set(study / FEATURES)
        try:
            train.run(replace(common, pretrained=pretrained, test_access=log))
        finally:
            feature_folder.reset(token)
