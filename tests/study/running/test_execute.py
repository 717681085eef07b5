import threading
import time

import pytest

from twinlens.engine.loop import Stopped, must_stop
from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.study.planning.plan import Run
from twinlens.study.running import execute as module
from twinlens.study.running.execute import Job, execute, unsettled, work
from twinlens.study.running.locks import claimed
from twinlens.study.running.paths import run_folder

PLAN = [
    Run("plain", "train", "plain", 0, 1.0, None, {}),
    Run("pretraining", "pretrain", None, 0, None, None, {}),
    Run("pretrained", "train", "twins", 0, 1.0, "pretraining", {}),
    Run("other", "train", "other", 0, 1.0, None, {}),
]


def _finish(run, job):
    folder = run_folder(job.study, run)
    folder.mkdir()
    write_json(folder / "run.json", {})


@pytest.fixture
def done(monkeypatch):
    """The runs in the order in which they were done; doing one takes no time."""
    order = []

    def do(run, job):
        order.append(run.id)
        _finish(run, job)

    monkeypatch.setattr(module, "_do", do)
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.01)
    return order


@pytest.fixture
def failing(done, monkeypatch):
    """A function that lets a run fail with an error."""

    def let(run_id, error):
        do = module._do

        def fail(run, job):
            if run.id == run_id:
                raise error
            do(run, job)

        monkeypatch.setattr(module, "_do", fail)

    return let


@pytest.fixture
def job(tmp_path):
    (tmp_path / "runs").mkdir()
    return Job(PLAN, tmp_path, "data", "split", "cpu")


def test_runs_are_done_once_each_after_what_it_needs(job, done):
    assert execute(job) == {}
    assert done == ["plain", "pretraining", "pretrained", "other"]
    assert execute(job) == {}
    assert len(done) == 4


def test_what_failed_is_noted_and_so_is_what_needs_it_and_the_others_go_on(job, done, failing):
    failing("pretraining", UserError("The loss became nan."))
    reason = "It needs pretraining, which failed."
    assert execute(job) == {"pretraining": "The loss became nan.", "pretrained": reason}
    assert done == ["plain", "other"]
    note = read_json(job.study / "runs" / "pretraining.failed.json")
    assert (note["run"], note["reason"]) == ("pretraining", "The loss became nan.")
    assert not (job.study / "runs" / "pretraining.failed.txt").exists()


def test_what_failed_is_tried_again_by_the_next_one(job, failing, monkeypatch):
    failing("pretraining", ValueError("No."))
    execute(job)
    monkeypatch.setattr(module, "_do", _finish)
    assert execute(job) == {}
    assert not list((job.study / "runs").glob("*.failed.*"))


def test_of_an_error_that_nobody_expected_the_traceback_is_kept(job, done, failing):
    failing("plain", ZeroDivisionError("division by zero\nand more"))
    assert execute(job) == {"plain": "ZeroDivisionError: division by zero"}
    assert len(done) == 3
    text = (job.study / "runs" / "plain.failed.txt").read_text()
    assert "Traceback" in text
    assert "and more" in text


def test_an_interrupt_ends_it_and_frees_the_run(job, done, failing):
    failing("pretraining", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute(job)
    assert done == ["plain"]
    assert not list((job.study / "runs").glob("*.failed.*"))
    with claimed(job.study, "pretraining") as mine:
        assert mine


def test_what_another_process_does_is_waited_for_and_not_done_twice(job, done):
    with claimed(job.study, "pretraining"):
        thread = threading.Thread(target=work, args=(job,))
        thread.start()
        while len(done) < 2:
            time.sleep(0.01)
        assert done == ["plain", "other"]  # not what needs the pretraining
        _finish(PLAN[1], job)
    thread.join()
    assert done == ["plain", "other", "pretrained"]


def test_the_run_of_a_process_that_died_is_taken_over(job, done):
    with claimed(job.study, "pretraining"):
        thread = threading.Thread(target=work, args=(job,))
        thread.start()
        while len(done) < 2:
            time.sleep(0.01)
    thread.join()
    assert done == ["plain", "other", "pretraining", "pretrained"]


def test_several_at_the_same_time_do_each_run_once(tmp_path, done):
    (tmp_path / "runs").mkdir()
    plan = [Run(f"run{i}", "train", "plain", i, 1.0, None, {}) for i in range(60)]
    job = Job(plan, tmp_path, "data", "split", "cpu")
    threads = [threading.Thread(target=work, args=(job,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(run.id for run in plan)


def test_after_the_deadline_no_run_is_started_and_none_has_failed(job, done):
    late = Job(PLAN, job.study, "data", "split", "cpu", deadline=time.time())
    assert execute(late) == {}
    assert done == []
    assert len(unsettled(late)) == 4


def test_at_the_deadline_the_training_is_asked_to_stop_and_is_left_for_another_time(
    job, monkeypatch
):
    def do(run, job):
        while not must_stop.get()():
            time.sleep(0.01)
        raise Stopped

    monkeypatch.setattr(module, "_do", do)
    soon = Job(PLAN, job.study, "data", "split", "cpu", deadline=time.time() + 0.1)
    assert execute(soon) == {}
    assert [run.id for run in unsettled(soon)] == [run.id for run in PLAN]
    with claimed(job.study, "plain") as mine:
        assert mine
    assert not must_stop.get()()


def test_where_no_worker_is_left_what_they_did_not_do_has_failed(job, monkeypatch):
    monkeypatch.setattr(module, "in_processes", lambda *_: None)
    failures = execute(job, workers=2)
    assert set(failures) == {run.id for run in PLAN}
    assert set(failures.values()) == {"All workers died before it was done."}
