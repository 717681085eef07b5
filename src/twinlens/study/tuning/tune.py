"""Searching the settings of an arm: folds, the arm's own settings, trials, and what came out."""

import math
import time
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from twinlens.console import say
from twinlens.data.class_subset import open_task, refuse_one_class
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.device import make_fabric, precision_of
from twinlens.engine.environment import describe_environment
from twinlens.errors import UserError, unknown
from twinlens.files import digest, write_text
from twinlens.records.plan import PlannedRun
from twinlens.records.tuning import Fold, SearchRecord
from twinlens.requests.base import accepts
from twinlens.requests.tune import TuneRequest
from twinlens.study.estimate.estimate import estimate
from twinlens.study.planning.config import Study, read_study
from twinlens.study.planning.validate import check_arm
from twinlens.study.running.execute import Execution, execute, share_work
from twinlens.study.running.locks import study_lock
from twinlens.study.running.paths import runs_folder
from twinlens.study.running.pool import Pool
from twinlens.study.tuning.best_study import BEST_STUDY, best_study
from twinlens.study.tuning.folds import make_folds
from twinlens.study.tuning.progress import Progress
from twinlens.study.tuning.results import collect
from twinlens.study.tuning.search import Search
from twinlens.study.tuning.space import search_space
from twinlens.study.tuning.storage import open_trials, optuna_package
from twinlens.study.tuning.trials import drop_model, run_trials

SEARCH, RESULTS = "search.json", "tuning.json"


@accepts(TuneRequest)
def tune(request: TuneRequest) -> Path:
    """Search the settings of an arm on folds of the training images, or do what is left of it.

    No test image is opened, nor a validation image of the split. Several processes may do this at
    the same time with the same `out`: each trial is done once. The folder made holds tuning.json
    (`TuningResults`), and where a trial finished best.yaml: the study with the best settings as one
    more arm.

    Returns:
        The folder `out`.

    Raises:
        UserError: Optuna is not installed, the study or its `search` is wrong, or `out` holds
            another search.
    """
    optuna_package()
    _check_limits(request)
    pool = Pool(request.device, request.workers, request.runs_per_gpu, request.ray)
    pool.check()
    out, hours = Path(request.out), request.max_hours
    study, fabric, data, split = _opened(request)
    arm = _chosen_arm(study, request.arm)
    record = _plan_search(request, study, arm, data, split)
    search = Search(
        study=study,
        arm=arm,
        space=record.space,
        folds=record.folds,
        data_hash=data.hash,
        folder=out,
        trials=request.trials,
        seed=request.seed,
        device=request.device,
        deadline=math.inf if hours is None else time.time() + 3600 * hours,
    )
    say(_described(record, request.trials))
    if request.dry_run:
        say(estimate(search.plan({}, search.folds[0]), fabric, 1).table(1))
        say(
            f"That is for the own settings on one of {len(search.folds)} folds. A trial takes as "
            "long on each, or less where it is pruned or needs no pretraining of its own."
        )
        return out
    _begin(out, record)
    with study_lock(out):
        trials = open_trials(out)
    _score_own(search, pool)
    progress = Progress(search, trials)
    share_work(
        partial(run_trials, search),
        pool,
        progress.report,
    )
    with study_lock(out):
        environment = describe_environment(fabric)
        results = collect(search, trials, record, environment, request.command_line())
        results.write(out / RESULTS)
        if best := results.best_trial:
            write_text(out / BEST_STUDY, best_study(study, arm, best, results.command))
    if left := results.left:
        say(f"Stopped with {left} trials left: the same command resumes them.")
    return out


def _check_limits(request: TuneRequest) -> None:
    for name, least in (
        ("trials", 1),
        ("folds", 2),
        ("seeds", 1),
        ("max_hours", 0),
    ):
        value = getattr(request, name)
        if value is not None and value < least:
            option = name.replace("_", "-")
            raise UserError(f"--{option} {value:g} must be {least} or more.")


def _opened(request: TuneRequest) -> tuple[Study, Fabric, Dataset, Split]:
    study = read_study(Path(request.study), request.settings)
    fabric = make_fabric(study.precision or "auto", request.device)
    data, split = open_task(study.data, study.split, study.classes)
    refuse_one_class(data, split)
    changes = {"precision": precision_of(fabric), "split": split.name}
    return study.model_copy(update=changes), fabric, data, split


def _chosen_arm(study: Study, arm: str | None) -> str:
    trained = [name for name in study.arms if not study.arms[name].predictions]
    own = [name for name in trained if name not in study.baseline_arms]
    if arm is None and len(own) == 1:
        return own[0]
    if arm is None:
        raise UserError(f"Choose with --arm whose settings are searched: {', '.join(trained)}.")
    if arm not in trained:
        raise unknown("arm", arm, trained)
    return arm


def _plan_search(
    request: TuneRequest, study: Study, arm: str, data: Dataset, split: Split
) -> SearchRecord:
    """Make the folds, check the arm and its search space, and describe the search."""
    fraction = request.label_fraction
    fraction = max(study.label_fractions) if fraction is None else fraction
    seeds = study.seeds_of(arm)[: request.seeds]
    if len(seeds) < request.seeds:
        raise UserError(f"--seeds {request.seeds} is more than the arm has: {len(seeds)}.")
    folds, notes = list[Fold](), list[str]()
    for seed in seeds:
        made, said = make_folds(
            data, split, classes=study.classes, fraction=fraction, folds=request.folds, seed=seed
        )
        folds, notes = folds + made, notes + said
    smallest = min(folds, key=lambda fold: fold.train)
    space = search_space(study, arm, smallest.train)
    alone = study.model_copy(update={"seeds": [smallest.seed], "label_fractions": [1.0]})
    check_arm(alone, arm, *open_task(study.data, smallest.split, study.classes))
    return SearchRecord(
        settings=_identity(study, arm),
        arm=arm,
        metric=study.primary_metric,
        label_fraction=fraction,
        labelled=len(split.rows["train"]),
        split=split.name,
        data_hash=data.hash,
        split_hash=split.hash,
        space=space,
        folds=folds,
        notes=list(dict.fromkeys(notes)),
        seed=request.seed,
    )


def _identity(study: Study, arm: str) -> str:
    """Return a digest of what determines the scores of an arm, but for seeds and label fraction."""
    own, pretraining = study.arms[arm], study.pretraining(arm)
    start = own.model_dump(mode="json", include={"weights", "images"})
    resolved = [
        study.training(arm).model_dump(mode="json"),
        pretraining and pretraining.determining(),
    ]
    return digest([own.encoder or study.encoder, study.preset, start, resolved])


def _described(record: SearchRecord, trials: int) -> str:
    folds, settings = record.folds, ", ".join(record.space)
    train, val = sum(f.train for f in folds) / len(folds), sum(f.val for f in folds) / len(folds)
    return "\n".join(
        [
            f"{trials} trials of {settings} for the arm '{record.arm}', and its own settings, each "
            f"on {len(folds)} folds of about {train:.0f} training and {val:.0f} validation images: "
            f"at most {(trials + 1) * len(folds)} trainings. No test image is opened.",
            *record.notes,
        ]
    )


def _begin(out: Path, record: SearchRecord) -> None:
    """Note what the search is, or refuse a folder that holds other files, or another search."""
    with study_lock(out):
        if (out / SEARCH).exists():
            before = SearchRecord.read(out / SEARCH)
            fields = SearchRecord.model_fields
            changed = [key for key in fields if getattr(before, key) != getattr(record, key)]
            if changed:
                words = ", ".join(key.replace("_", " ") for key in changed)
                raise UserError(
                    f"{out} holds a search that differs in {words}: choose another --out."
                )
        elif any(not path.name.startswith(".") for path in out.iterdir()):
            raise UserError(f"{out} exists and holds no {SEARCH}: choose another --out.")
        record.write(out / SEARCH)
        runs_folder(out).mkdir(exist_ok=True)


def _own_plan(search: Search) -> list[PlannedRun]:
    plan = {run.id: run for fold in search.folds for run in search.plan({}, fold)}
    return list(plan.values())


def _score_own(search: Search, pool: Pool) -> None:
    """Score the arm's own settings on all folds.

    Raises:
        UserError: A run of them failed.
    """
    plan = _own_plan(search)
    execution = Execution(plan, search.folder, search.device, deadline=search.deadline)
    failures = execute(execution, pool)
    if failures:
        name, reason = next(iter(failures.items()))
        raise UserError(f"The arm's own settings failed ({name}): {reason}")
    for run in plan:
        drop_model(search, run)
