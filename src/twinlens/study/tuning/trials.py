"""Carrying out trials: each on the folds one after another, until it is pruned or at the end."""

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.records.plan import PlannedRun
from twinlens.records.run import MODEL
from twinlens.settings.search import Values
from twinlens.study.running.execute import Execution, run_all
from twinlens.study.running.failures import failure, note_failure
from twinlens.study.running.locks import locked, study_lock
from twinlens.study.running.paths import run_folder
from twinlens.study.tuning.search import Search
from twinlens.study.tuning.storage import all_trials, open_trials, optuna_package, suggest

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

POLL_S = 1.0
"""Seconds until a process checks for trials again, where others carry out all that are left."""

ShouldStop = Callable[[], bool]


def trial_id(number: int) -> str:
    """Return the name under which a trial is locked and its failure noted."""
    return f"trial-{number}"


def run_trials(
    search: Search,
    should_stop: ShouldStop = lambda: False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Carry out trials until none is left, beside any other process that does the same.

    The arm's own settings must have been scored on all folds before: trials are compared with them,
    fold by fold.

    Args:
        search: The search.
        should_stop: Asked whether to stop gracefully: the trial can be continued later.
        on_progress: Called with 1 after each trial.
    """
    with study_lock(search.folder):
        trials = open_trials(search.folder)
    own = search.scores({})

    def stopping() -> bool:
        return time.time() >= search.deadline or should_stop()

    while not stopping():
        known = all_trials(trials)
        pending = [trial for trial in known if not is_settled(search, trial)]
        if not pending and len(known) >= search.trials:
            break
        if any(_try_trial(search, trials, trial.number, own, stopping) for trial in pending):
            on_progress(1)
        elif len(known) < search.trials:
            with study_lock(search.folder):
                if len(all_trials(trials)) < search.trials:
                    suggest(trials, search.space, search.seed)
        else:
            time.sleep(POLL_S)


def is_settled(search: Search, trial: "FrozenTrial") -> bool:
    """Return whether a trial is finished, pruned or failed."""
    return trial.state.is_finished() or failure(search.folder, trial_id(trial.number)) is not None


def _try_trial(
    search: Search, trials: "Study", number: int, own: list[float], should_stop: ShouldStop
) -> bool:
    """Carry out a trial if it is free; return whether it was."""
    with locked(search.folder, trial_id(number)) as is_ours:
        trial = all_trials(trials)[number]
        if not is_ours or is_settled(search, trial):
            return False
        say(f"Trial {number + 1}: {worded(trial.params)}")
        try:
            _carry_out(search, trials, trial, own, should_stop)
        except UserError as error:  # values that do not go together
            note_failure(search.folder, trial_id(number), error)
    return True


def worded(values: Values) -> str:
    """Write values as a line of progress."""
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def _carry_out(
    search: Search,
    trials: "Study",
    trial: "FrozenTrial",
    own: list[float],
    should_stop: ShouldStop,
) -> None:
    """Score a trial fold by fold; what it reports is its mean difference from the own settings."""
    optuna = optuna_package()
    live = optuna.trial.Trial(trials, trial._trial_id)
    differences: list[float] = []
    for step, (fold, before) in enumerate(zip(search.folds, own, strict=True)):
        plan = search.plan(trial.params, fold)
        run_all(
            Execution(plan, search.folder, search.device, deadline=search.deadline), should_stop
        )
        score = search.score(trial.params, fold)
        if score is None:
            if reason := next(filter(None, (failure(search.folder, run.id) for run in plan)), None):
                note_failure(search.folder, trial_id(trial.number), UserError(reason))
            return
        drop_model(search, plan[-1])
        differences.append(search.sign * (score - before))
        mean = sum(differences) / len(differences)
        if step not in trial.intermediate_values:
            live.report(mean, step)
        if step + 1 < len(search.folds) and live.should_prune():
            trials.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
            return
    trials.tell(trial.number, mean)


def drop_model(search: Search, run: PlannedRun) -> None:
    """Delete the model of a training that is scored: those of all trials would fill the disk."""
    shutil.rmtree(run_folder(search.folder, run) / MODEL, ignore_errors=True)
