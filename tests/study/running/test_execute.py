import threading
import time

import pytest
from synthetic import planned_training

from twinlens.engine.loop import Stopped, must_stop
from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.records.plan import PlannedPretraining
from twinlens.requests.pretrain import PretrainRequest
from twinlens.study.running import execute as module
from twinlens.study.running.execute import Execution, execute, run_all
from twinlens.study.running.locks import locked
from twinlens.study.running.paths import run_folder
from twinlens.study.running.pool import Pool

PLAN = [
    planned_training("plain"),
    PlannedPretraining(id="pretraining", seed=0, request=PretrainRequest("data", "")),
    planned_training("pretrained", needs="pretraining"),
    planned_training("other"),
]


def _finish(run, execution):
    folder = run_folder(execution.study, run)
    folder.mkdir()
    write_json(folder / "run.json", {})


@pytest.fixture
def done(monkeypatch):
    """The runs in the order in which they were done; doing one takes no time."""
    order = []

    def do(run, execution):
        order.append(run.id)
        _finish(run, execution)

    monkeypatch.setattr(module, "_carry_out", do)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    return order


@pytest.fixture
def failing(done, monkeypatch):
    """A function that lets a run fail with an error."""

    def let(run_id, error):
        do = module._carry_out

        def fail(run, execution):
            if run.id == run_id:
                raise error
            do(run, execution)

        monkeypatch.setattr(module, "_carry_out", fail)

    return let


@pytest.fixture
def execution(tmp_path):
    (tmp_path / "runs").mkdir()
    return Execution(PLAN, tmp_path, "cpu")


def test_runs_are_done_once_each_after_what_it_needs(execution, done):
    assert execute(execution) == {}
    assert done == ["plain", "pretraining", "pretrained", "other"]
    assert execute(execution) == {}
    assert len(done) == 4


def test_what_failed_is_noted_and_so_is_what_needs_it_and_the_others_go_on(
    execution, done, failing
):
    failing("pretraining", UserError("The loss became nan."))
    reason = "It needs pretraining, which failed."
    assert execute(execution) == {"pretraining": "The loss became nan.", "pretrained": reason}
    assert done == ["plain", "other"]
    note = read_json(execution.study / "runs" / "pretraining.failed.json")
    assert (note["run"], note["reason"]) == ("pretraining", "The loss became nan.")
    assert not (execution.study / "runs" / "pretraining.failed.txt").exists()


def test_what_failed_is_tried_again_by_the_next_one(execution, failing, monkeypatch):
    failing("pretraining", ValueError("No."))
    execute(execution)
    monkeypatch.setattr(module, "_carry_out", _finish)
    assert execute(execution) == {}
    assert not list((execution.study / "runs").glob("*.failed.*"))


def test_an_unexpected_error_stops_no_other_run_and_keeps_its_traceback(execution, done, failing):
    failing("plain", ZeroDivisionError("division by zero\nand more"))
    assert execute(execution) == {"plain": "ZeroDivisionError: division by zero"}
    assert len(done) == 3
    text = (execution.study / "runs" / "plain.failed.txt").read_text()
    assert "Traceback" in text
    assert "and more" in text


def test_an_interrupt_ends_it_and_frees_the_run(execution, done, failing):
    failing("pretraining", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(execution)
    assert done == ["plain"]
    assert not list((execution.study / "runs").glob("*.failed.*"))
    with locked(execution.study, "pretraining") as mine:
        assert mine


def test_what_another_process_does_is_waited_for_and_not_done_twice(execution, done):
    with locked(execution.study, "pretraining"):
        thread = threading.Thread(target=run_all, args=(execution,))
        thread.start()
        while len(done) < 2:
            time.sleep(0.01)
        assert done == ["plain", "other"]  # not what needs the pretraining
        _finish(PLAN[1], execution)
    thread.join()
    assert done == ["plain", "other", "pretrained"]


def test_the_run_of_a_process_that_died_is_taken_over(execution, done):
    with locked(execution.study, "pretraining"):
        thread = threading.Thread(target=run_all, args=(execution,))
        thread.start()
        while len(done) < 2:
            time.sleep(0.01)
    thread.join()
    assert done == ["plain", "other", "pretraining", "pretrained"]


def test_several_at_the_same_time_do_each_run_once(tmp_path, done):
    (tmp_path / "runs").mkdir()
    plan = [planned_training(f"run{i}") for i in range(60)]
    execution = Execution(plan, tmp_path, "cpu")
    threads = [threading.Thread(target=run_all, args=(execution,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(run.id for run in plan)


def test_after_the_deadline_no_run_is_started_and_none_has_failed(execution, done):
    late = Execution(PLAN, execution.study, "cpu", deadline=time.time())
    assert execute(late) == {}
    assert done == []
    assert len(late.unsettled()) == 4


def test_at_the_deadline_the_training_is_asked_to_stop_and_is_left_for_another_time(
    execution, monkeypatch
):
    def do(run, execution):
        while not must_stop.get()():
            time.sleep(0.01)
        raise Stopped

    monkeypatch.setattr(module, "_carry_out", do)
    soon = Execution(PLAN, execution.study, "cpu", deadline=time.time() + 0.1)
    assert execute(soon) == {}
    assert [run.id for run in soon.unsettled()] == [run.id for run in PLAN]
    with locked(execution.study, "plain") as mine:
        assert mine
    assert not must_stop.get()()


def test_where_no_worker_is_left_what_they_did_not_do_has_failed(execution, monkeypatch):
    monkeypatch.setattr(module, "in_processes", lambda *_: None)
    failures = execute(execution, Pool("cpu", 2))
    assert set(failures) == {run.id for run in PLAN}
    assert set(failures.values()) == {"All workers died before it was finished."}
