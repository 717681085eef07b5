import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from twinlens.evaluation.test_access import TEST_ACCESS, read_test_access
from twinlens.records.results import StudyResults
from twinlens.study import compare as module
from twinlens.study.compare import compare
from twinlens.study.running.pool import Pool
from twinlens.study.running.workers import _environments


@pytest.fixture(scope="module")
def study_file(phantoms, two_arms, tmp_path_factory):
    path = tmp_path_factory.mktemp("workers") / "study.yaml"
    path.write_text(
        yaml.safe_dump(two_arms | {"data": str(phantoms), "seeds": 3}), encoding="utf-8"
    )
    return path


def _compare(study_file, out, **options):
    """Compare in this process, and take no time to estimate."""
    with pytest.MonkeyPatch.context() as patch:
        nothing = SimpleNamespace(table=lambda *_: "", seconds_of=None)
        patch.setattr(module, "estimate", lambda *_: nothing)
        return compare(study_file, out, device="cpu", **options)


@pytest.fixture(scope="module")
def finished(study_file, one_thread):
    return _compare(study_file, study_file.parent / "out")


@pytest.fixture
def out(study_file, tmp_path):
    """The folder of a study that has begun, with no run done."""
    return _compare(study_file, tmp_path / "out", max_hours=0)


@pytest.fixture
def start(study_file):
    """A function that starts a comparison in a process group of its own; it leaves none."""
    started = []

    def run(out, *options):
        command = [sys.executable, "-m", "twinlens.cli", "compare", str(study_file)]
        command += ["--out", str(out), "--device", "cpu", *options]
        threads = "2" if "--workers" in options else "1"  # one for each worker, as `finished` had
        env = os.environ | {"OMP_NUM_THREADS": threads}
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True,
            preexec_fn=_hear_sigint,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.stderr.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _hear_sigint():
    """Undo what a shell does to a process in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _until(is_so, process):
    while not is_so():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def _workers(process):
    """Return the numbers of the worker processes, not that of multiprocessing's tracker."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def _exists(process):
    return Path(f"/proc/{process}").exists()


def _done(out):
    return len(list((out / "runs").glob("*/run.json")))


def test_each_worker_gets_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert _environments(Pool("cpu", 3)) == [{"OMP_NUM_THREADS": "2"}] * 3
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert _environments(Pool("cpu", 2)) == [{"OMP_NUM_THREADS": "1"}] * 2


def test_each_worker_gets_a_gpu_of_those_that_may_be_used(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = [environment["CUDA_VISIBLE_DEVICES"] for environment in _environments(Pool("auto", 3))]
    assert found == ["0", "1"]
    assert "2 instead of 3 workers: a GPU does one run at a time (" in capsys.readouterr().err
    shared = _environments(Pool("auto", 3, runs_per_gpu=2))
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in shared] == ["0", "1", "0"]
    assert len(_environments(Pool("auto", 9, runs_per_gpu=2))) == 4
    assert "4 instead of 9 workers: a GPU does 2 runs at a time" in capsys.readouterr().err
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert _environments(Pool("cuda", 1)) == [{"CUDA_VISIBLE_DEVICES": "5"}]
    assert "OMP_NUM_THREADS" in _environments(Pool("cpu", 1))[0]


@pytest.mark.slow
def test_two_processes_on_one_study_share_its_runs(start, out, finished):
    both = [start(out), start(out)]
    for process in both:
        _, told = process.communicate()
        assert process.returncode == 0, told
        assert "Runs finished: 9 of 9." in told
    assert len(read_test_access(out / TEST_ACCESS)) == 8  # each training was done once
    _same(out, finished)


@pytest.mark.slow
def test_losing_a_worker_stopped_and_killed_the_table_is_the_same(start, study_file, out, finished):
    process = start(out, "--workers", "2")
    _until(lambda: _done(out) >= 1, process)
    workers = _workers(process)
    os.kill(workers[0], signal.SIGKILL)
    _until(lambda: _done(out) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=300)
    assert process.returncode
    assert "Worker 1 died with exit code -9. The others take over its run." in told
    assert "Stopping: every worker ends its step" in told
    assert "Traceback" not in told
    assert not any(map(_exists, workers))
    before = _done(out)
    process = start(out, "--workers", "2")
    _until(lambda: _done(out) > before, process)
    workers = _workers(process)
    process.kill()  # the workers notice, end their step and go
    deadline = time.monotonic() + 300
    while any(map(_exists, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    _same(compare(study_file, out, device="cpu"), finished)


def _same(out, finished):
    found, expected = (StudyResults.read(path / "results.json") for path in (out, finished))
    assert found.failures == []
    assert found.summaries == expected.summaries
    assert found.differences == expected.differences
