"""The results of a search, from its trials and their stored scores."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from twinlens.errors import UserError
from twinlens.records.run import Environment, TrainRun
from twinlens.records.tuning import SearchRecord, Trial, TuningResults
from twinlens.settings.search import Values
from twinlens.study.running.failures import failure
from twinlens.study.running.paths import is_finished, read_record
from twinlens.study.tuning.comparison import best_of, fold_difference, selected_scores
from twinlens.study.tuning.search import Search
from twinlens.study.tuning.storage import all_trials, optuna_package
from twinlens.study.tuning.trials import trial_id

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_FEWEST = 10  # finished trials from which importance can be estimated


def collect(
    search: Search, trials: "Study", record: SearchRecord, environment: Environment, command: str
) -> TuningResults:
    """Compute the results of a search, finished or not.

    Args:
        search: The search.
        trials: Its trials.
        record: What the search is.
        environment: Where it ran.
        command: The command that does the same search.

    Raises:
        UserError: Runs were removed.
    """
    own = _trial(search, 0, own_values(search), {}, "finished", None)
    listed = [_of_optuna(search, trial) for trial in all_trials(trials)]
    finished = [trial for trial in listed if trial.state == "finished"]
    if any(len(trial.scores) < len(search.folds) for trial in finished):
        raise UserError(f"{search.folder} lacks runs of finished trials: choose another --out.")
    scores = [trial.scores for trial in finished]
    best = finished[best_of(scores, search.sign)] if finished else None
    known, folds = len(own.scores) == len(search.folds), max(f.number for f in search.folds)
    selected = selected_scores(scores, search.sign) if len(finished) > 1 else None
    return TuningResults(
        search=record,
        asked=search.trials,
        own=own,
        trials=listed,
        best=best.number if best else None,
        difference=fold_difference(best.scores, own.scores, folds) if best and known else None,
        selected=fold_difference(selected, own.scores, folds) if selected and known else None,
        importance=_importance(trials, len(finished)),
        warm=_warm(search),
        optuna=optuna_package().__version__,
        environment=environment,
        command=command,
    )


def own_values(search: Search) -> Values:
    """Return the arm's own values of the settings that are searched."""
    pretraining = search.study.pretraining(search.arm)
    held: dict[str, Any] = {
        "train": search.study.training(search.arm).model_dump(mode="json", by_alias=True),
        "pretrain": pretraining.model_dump(mode="json", by_alias=True) if pretraining else {},
    }
    return {key: _looked_up(held, key) for key in search.space}


def _looked_up(held: Mapping[str, Any], key: str) -> Any:
    value: Any = held
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _of_optuna(search: Search, trial: "FrozenTrial") -> Trial:
    reason = failure(search.folder, trial_id(trial.number))
    state = {"COMPLETE": "finished", "PRUNED": "pruned"}.get(
        trial.state.name, "failed" if reason else "left"
    )
    return _trial(search, trial.number + 1, dict(trial.params), trial.params, state, reason)


def _trial(
    search: Search,
    number: int,
    shown: Values,
    values: Mapping[str, Any],
    state: Any,
    reason: str | None,
) -> Trial:
    try:
        scores, seconds = search.scores(values), _seconds(search, values)
    except UserError:  # values that do not go together
        scores, seconds = [], 0.0
    return Trial(
        number=number,
        values=shown,
        state=state,
        scores=scores,
        mean=float(np.mean(scores)) if scores else None,
        sd=float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        seconds=seconds,
        reason=reason,
    )


def _seconds(search: Search, values: Mapping[str, Any]) -> float:
    trainings = [search.plan(values, fold)[-1] for fold in search.folds]
    done = [run for run in trainings if is_finished(search.folder, run)]
    return sum(read_record(search.folder, run).seconds for run in done)


def _importance(trials: "Study", finished: int) -> dict[str, float] | None:
    """Return the shares of variance by functional ANOVA of a random forest (Hutter et al. 2014)."""
    optuna = optuna_package()
    if finished < _FEWEST:
        return None
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        return dict(optuna.importance.get_param_importances(trials, evaluator=evaluator))
    except (RuntimeError, ValueError):  # all trials score the same
        return None


def _warm(search: Search) -> bool:
    """Return whether the arm starts from weights that saw the images of the folds."""
    training = search.plan({}, search.folds[0])[-1]
    if not is_finished(search.folder, training):
        return False
    run = read_record(search.folder, training)
    assert isinstance(run, TrainRun)
    return any(
        trained.data_hash == search.data_hash and trained.split_hash != search.folds[0].hash
        for trained in run.initial_weights.history
    )
