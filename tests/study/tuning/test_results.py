import shutil
from dataclasses import replace

import numpy as np
import pytest

from stored_runs import ENVIRONMENT
from twinlens.errors import UserError
from twinlens.records.tuning import SearchRecord
from twinlens.study.running import execute
from twinlens.study.running.execute import Execution
from twinlens.study.running.failures import note_failure
from twinlens.study.tuning.results import collect, own_values
from twinlens.study.tuning.storage import open_trials, suggest
from twinlens.study.tuning.trials import run_trials, trial_id


@pytest.fixture
def record(search):
    return SearchRecord(
        settings="s", arm="plain", metric="balanced_accuracy", label_fraction=1.0, labelled=30,
        split="s", data_hash="d", split_hash="h", space=search.space, folds=list(search.folds),
        notes=[], seed=0,
    )  # fmt: skip


@pytest.fixture
def begun(search, done):
    for fold in search.folds:
        execute._carry_out(search.plan({}, fold)[-1], Execution([], search.folder, "cpu"))
    return search


def _collect(search, record):
    return collect(search, open_trials(search.folder), record, ENVIRONMENT, "twinlens tune")


def test_results_are_those_of_the_stored_scores(begun, record):
    search = replace(begun, trials=20)
    run_trials(search)
    results = _collect(search, record)
    finished = [trial for trial in results.trials if trial.state == "finished"]
    best = max(finished, key=lambda trial: np.mean(trial.scores))
    assert results.best == best.number
    assert results.difference.values == pytest.approx(np.subtract(best.scores, results.own.scores))
    assert results.own.scores == pytest.approx([0.69, 0.68, 0.67])
    assert (best.mean, best.sd) == pytest.approx((np.mean(best.scores), 0.01))
    assert best.seconds == 180.0
    assert [trial.number for trial in results.trials] == list(range(1, 21))
    assert results.importance["train.lr"] > 0.9 > 0.1 > results.importance["train.epochs"]
    assert sum(results.importance.values()) == pytest.approx(1)


def test_few_trials_say_nothing_about_importance(begun, record):
    run_trials(replace(begun, trials=2))
    assert _collect(begun, record).importance is None


def test_of_a_search_that_only_began_the_rest_is_unknown(begun, record):
    results = _collect(begun, record)
    assert (results.best, results.difference, results.selected) == (None, None, None)
    assert results.left == 6
    trials = open_trials(begun.folder)
    for _ in range(2):
        suggest(trials, begun.space, 0)
    note_failure(begun.folder, trial_id(0), ValueError("No memory."))
    first, second = _collect(begun, record).trials
    assert (first.state, first.reason, first.mean) == ("failed", "ValueError: No memory.", None)
    assert (second.state, second.scores) == ("left", [])


def test_runs_that_were_removed_are_missed(begun, record):
    run_trials(begun)
    best = begun.folder / "runs" / begun.plan(_best_values(begun, record), begun.folds[1])[-1].id
    shutil.rmtree(best)
    with pytest.raises(UserError, match="lacks runs of finished trials"):
        _collect(begun, record)


def _best_values(search, record):
    return _collect(search, record).best_trial.values


def test_own_values_are_those_that_the_arm_resolves_to(search):
    space = dict.fromkeys(["train.lr", "train.tta", "train.view_changes.blur.p"])
    assert own_values(replace(search, space=space)) == {
        "train.lr": 1e-4,
        "train.tta": 1,
        "train.view_changes.blur.p": None,
    }
