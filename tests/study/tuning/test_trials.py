import threading
import time
from dataclasses import replace

import pytest

from twinlens.errors import UserError
from twinlens.study.running import execute
from twinlens.study.running.execute import Execution
from twinlens.study.running.locks import locked
from twinlens.study.running.paths import run_folder
from twinlens.study.tuning import trials as module
from twinlens.study.tuning.storage import all_trials, open_trials
from twinlens.study.tuning.trials import is_settled, run_trials, trial_id


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it on the way."""


@pytest.fixture
def begun(search, done):
    """A search whose arm's own settings are scored."""
    for fold in search.folds:
        execute._carry_out(search.plan({}, fold)[-1], Execution([], search.folder, "cpu"))
    done.clear()
    return search


def _trials(search):
    return all_trials(open_trials(search.folder))


def test_trials_are_scored_on_all_folds_by_their_difference_from_the_own_settings(begun, done):
    run_trials(begun)
    own = begun.scores({})
    assert len(_trials(begun)) == 6
    for trial in _trials(begun):
        scores = begun.scores(trial.params)
        gains = [score - before for score, before in zip(scores, own, strict=False)]
        assert trial.state.name in ("COMPLETE", "PRUNED")
        assert trial.value == pytest.approx(sum(gains) / len(gains))
        assert len(scores) == (3 if trial.state.name == "COMPLETE" else len(gains))
    assert not list(begun.folder.glob("runs/*/model/"))[3:]  # of the own settings alone


def test_a_bad_trial_is_pruned_after_some_of_the_folds(begun, done):
    run_trials(replace(begun, trials=20))
    pruned = [trial for trial in _trials(begun) if trial.state.name == "PRUNED"]
    finished = [trial for trial in _trials(begun) if trial.state.name == "COMPLETE"]
    assert len(pruned) > 1
    assert {len(begun.scores(trial.params)) for trial in pruned} == {2}
    assert max(finished, key=lambda t: t.value).value > max(trial.value for trial in pruned)
    assert min(trial.number for trial in pruned) >= 5


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_search_that_was_killed_goes_on_to_the_same_trials(begun, done, monkeypatch, after):
    do = execute._carry_out

    def killed(run, execution):
        if len(done) == after:
            raise Killed
        do(run, execution)

    monkeypatch.setattr(execute, "_carry_out", killed)
    with pytest.raises(Killed):
        run_trials(begun)
    monkeypatch.setattr(execute, "_carry_out", do)
    run_trials(begun)
    resumed = [(trial.params, trial.value) for trial in _trials(begun)]
    assert len(done) == len(set(done))  # no run twice

    whole = replace(begun, folder=begun.folder.parent / "whole")
    (whole.folder / "runs").mkdir(parents=True)
    for fold in whole.folds:
        do(whole.plan({}, fold)[-1], Execution([], whole.folder, "cpu"))
    run_trials(whole)
    assert [(trial.params, trial.value) for trial in _trials(whole)] == resumed


def test_more_trials_continue_the_search(begun, done):
    run_trials(replace(begun, trials=2))
    first = [trial.params for trial in _trials(begun)]
    run_trials(replace(begun, trials=4))
    assert [trial.params for trial in _trials(begun)][:2] == first
    assert len(_trials(begun)) == 4


def test_several_at_the_same_time_do_each_trial_once(begun, done):
    search = replace(begun, trials=12)
    threads = [threading.Thread(target=run_trials, args=(search,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_trials(search)) == 12
    assert all(is_settled(search, trial) for trial in _trials(search))
    assert len(done) == len(set(done))


def test_the_trial_of_another_process_is_waited_for(begun, done, monkeypatch):
    monkeypatch.setattr(module, "POLL_S", 0.01)
    search = replace(begun, trials=2)
    with locked(search.folder, trial_id(0)):
        thread = threading.Thread(target=run_trials, args=(search,))
        thread.start()
        while not any(trial.state.is_finished() for trial in _trials(search)):
            time.sleep(0.01)
        time.sleep(0.05)
        assert thread.is_alive()
        assert not _trials(search)[0].state.is_finished()
    thread.join()
    assert all(trial.state.is_finished() for trial in _trials(search))


def test_a_run_that_fails_is_the_trials_failure_and_is_tried_again(begun, done, monkeypatch):
    do = execute._carry_out

    def fail(run, execution):
        if run.request.settings["epochs"] == 2:
            raise UserError("The loss became nan.")
        do(run, execution)

    monkeypatch.setattr(execute, "_carry_out", fail)
    run_trials(begun)
    failed = [trial for trial in _trials(begun) if not trial.state.is_finished()]
    assert {trial.params["train.epochs"] for trial in failed} == {2}
    assert all(is_settled(begun, trial) for trial in failed)
    assert len(_trials(begun)) == 6

    monkeypatch.setattr(execute, "_carry_out", do)
    execute.forget_failures(begun.folder)
    run_trials(begun)
    assert all(trial.state.is_finished() for trial in _trials(begun))


def test_values_that_do_not_go_together_fail_and_stop_nothing(begun, done, monkeypatch):
    def plan(search, values, fold):
        raise UserError("No.")

    monkeypatch.setattr(type(begun), "plan", plan)
    monkeypatch.setattr(type(begun), "scores", lambda *_: [0.5, 0.5, 0.5])
    run_trials(begun)
    assert all(is_settled(begun, trial) for trial in _trials(begun))


def test_at_the_deadline_no_trial_is_begun(begun, done):
    run_trials(replace(begun, deadline=time.time()))
    assert _trials(begun) == []
    run_trials(begun, should_stop=lambda: True)
    assert _trials(begun) == []


def test_a_pretraining_is_shared_by_trials_that_do_not_change_it(begun, done):
    study = begun.study
    arm = study.arms["plain"].model_copy(update={"pretrain": {}})
    study = study.model_copy(update={"arms": {"plain": arm}})
    search = replace(begun, study=study, folder=begun.folder.parent / "pretrained", trials=3)
    (search.folder / "runs").mkdir(parents=True)
    for fold in search.folds:
        for run in search.plan({}, fold):
            execute._carry_out(run, Execution([], search.folder, "cpu"))
    done.clear()
    run_trials(search)
    assert len(done) == 9
    assert not any(run.startswith("pretrain") for run in done)
    assert run_folder(search.folder, search.plan({}, search.folds[0])[0]).is_dir()
