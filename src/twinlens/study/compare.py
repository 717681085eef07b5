"""Running a study: arms x seeds x label fractions, paired differences and a verdict."""

import math
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from twinlens.config import parse, read_yaml
from twinlens.console import say
from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.device import make_fabric, precision_of
from twinlens.engine.environment import describe_environment
from twinlens.engine.loggers import check_loggers
from twinlens.errors import UserError
from twinlens.files import write_text
from twinlens.records.plan import PLAN, Plan, PlannedRun
from twinlens.requests.base import accepts
from twinlens.requests.compare import CompareRequest
from twinlens.study.analysis.aggregate import collect
from twinlens.study.estimate.choices import describe_choices
from twinlens.study.estimate.estimate import Estimate, estimate, most_workers
from twinlens.study.planning.baselines import at_hand
from twinlens.study.planning.config import Study, as_yaml, read_study
from twinlens.study.planning.plan import make_plan
from twinlens.study.planning.validate import check
from twinlens.study.running.arm_evaluation import evaluate_best_arm
from twinlens.study.running.audit_summary import keep_audit
from twinlens.study.running.execute import Execution, execute
from twinlens.study.running.locks import study_lock
from twinlens.study.running.model_selection import keep_best
from twinlens.study.running.paths import ENVIRONMENT, FEATURES, RESULTS, STUDY, is_finished
from twinlens.study.running.pool import Pool
from twinlens.study.running.progress import Progress
from twinlens.study.running.soup import make_soup


@accepts(CompareRequest)
def compare(request: CompareRequest) -> Path:
    """Run a study, or what is left of it, and compute its results.

    Several processes may do this at the same time with the same `out`: each run is done once.

    Returns:
        The folder `out`.

    Raises:
        UserError: The study is wrong, or `out` holds another one.
    """
    check_loggers(request.loggers)
    out, hours = Path(request.out), request.max_hours
    pool = Pool(request.device, request.workers or None, request.runs_per_gpu, request.ray)
    pool.check()
    if hours is not None and hours < 0:
        raise UserError(f"--max-hours {hours:g} must be 0 or more.")
    deadline = math.inf if hours is None else time.time() + 3600 * hours
    fabric, checked, data, split = _opened(request)
    plan = make_plan(checked, data_hash=data.hash, split_hash=split.hash)
    _refuse_another(out, checked, request.resume)
    say(_describe(plan, checked, out, data.size))
    left = [run for run in plan if not is_finished(out, run)]
    workers, expected = _prepared(request, left, fabric)
    if expected:
        say(expected.table(workers, request.runs_per_gpu))
        if not data.table_only:  # then nothing is trained
            say(describe_choices(fabric, data, split, workers))
    if request.dry_run:
        say("\n".join(run.id for run in plan))
        return out
    with study_lock(out):
        write_text(out / STUDY, as_yaml(checked))
        Plan(runs=plan, workers=workers).write(out / PLAN)
        describe_environment(fabric).write(out / ENVIRONMENT)
        keep_audit(out, data, split)
    execution = Execution(plan, out, request.device, request.loggers, deadline)
    progress = Progress(checked, plan, out, expected.seconds_of if expected else None)
    if not request.ray:
        most = most_workers(left, fabric.device.type, request.runs_per_gpu)
        pool = replace(pool, workers=request.workers or min(workers, most))
    failures = execute(execution, pool, progress.report)
    if not execution.unsettled():
        shutil.rmtree(out / FEATURES, ignore_errors=True)
    with study_lock(out):
        cook = partial(make_soup, out, data=data, split=split, fabric=fabric)
        best = keep_best(out, checked, plan, cook)  # first: to test an ensemble is logged
        evaluate_best_arm(out, checked, plan, fabric)  # likewise
        collect(out, checked, plan, failures, best).write(out / RESULTS)
    if time.time() >= deadline and (left := execution.unsettled()):
        say(f"Stopped after {hours:g} h, {len(left)} runs are left: the same command resumes them.")
    return out


def _opened(request: CompareRequest) -> tuple[Fabric, Study, Dataset, Split]:
    """Read and check a study, and open its data."""
    study = read_study(Path(request.study), request.settings)
    fabric = make_fabric(study.precision or "auto", request.device)
    data, split = open_task(study.data, study.split, study.classes)
    resolved: dict[str, Any] = {"precision": precision_of(fabric), "split": split.name}
    if study.baselines == "auto":
        resolved["baselines"] = at_hand() or "auto"
    study = Study.model_validate(study.model_dump() | resolved)
    check(study, data, split)
    return fabric, study, data, split


def _prepared(
    request: CompareRequest, left: list[PlannedRun], fabric: Fabric
) -> tuple[int, Estimate | None]:
    """Return the number of workers, chosen if it is 0, and what is left to do will take.

    A study that has begun, maybe in other processes, keeps the workers that it had, and is not
    estimated: the machine may be busy.
    """
    out, workers = Path(request.out), request.workers or 1
    choose = request.workers == 0
    if not request.dry_run and (request.ray or (out / STUDY).exists()):
        before = Plan.read(out / PLAN).workers if (out / PLAN).exists() else 1
        return before if choose else workers, None
    if not left:
        return 1, None
    if not choose:
        return workers, estimate(left, fabric, workers)
    most = most_workers(left, fabric.device.type, request.runs_per_gpu)
    expected = estimate(left, fabric, most)
    workers = expected.best_workers(request.runs_per_gpu)
    return workers, expected.divided(workers)


def _refuse_another(out: Path, study: Study, resume: bool) -> None:
    """Refuse a folder that holds other files, or another study."""
    begun = f".{STUDY}."  # a lock, or what is left where writing the study was interrupted
    if not out.exists() or all(path.name.startswith(begun) for path in out.iterdir()):
        return
    if not (out / STUDY).exists():
        raise UserError(f"{out} exists and holds no {STUDY}: choose another --out.")
    before = parse(Study, read_yaml(out / STUDY), where=str(out / STUDY))
    changed = [key for key in Study.model_fields if getattr(before, key) != getattr(study, key)]
    declared = [key for key in ("primary_metric", "reference", "min_effect") if key in changed]
    if declared and (out / RESULTS).exists():
        raise UserError(
            f"{out} has results already, so {' and '.join(declared)} can no longer be "
            "declared beforehand: choose another --out."
        )
    if changed and not resume:
        raise UserError(
            f"{out} holds a study that differs in {', '.join(sorted(changed))}: choose another "
            "--out, or pass --resume to continue with the new one; unchanged runs are kept."
        )


def _describe(plan: list[PlannedRun], study: Study, out: Path, size: int) -> str:
    pretrainings = sum(run.kind == "pretrain" for run in plan)
    finished = sum(is_finished(out, run) for run in plan)
    baselines = ", ".join(
        f"'{arm}' at {study.training(arm).image_size or size} pixels" for arm in study.baseline_arms
    )
    return (
        f"{len(study.arms)} arms x {len(study.seeds)} seeds x {len(study.label_fractions)} "
        f"label fractions: "
        f"{len(plan) - pretrainings} trainings and {pretrainings} pretrainings, {finished} "
        f"finished; precision {study.precision}."
        + (f" Frozen baselines: {baselines}." if baselines else "")
    )
