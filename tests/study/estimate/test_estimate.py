from dataclasses import replace

import pytest
import torch

from twinlens.config import parse
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.study.estimate import estimate as module
from twinlens.study.estimate.estimate import Estimate, estimate, most_workers
from twinlens.study.estimate.records import Cost
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan

STUDY = {
    "encoder": "resnet18_quarter",
    "precision": "fp32",
    "seeds": 2,
    "label_fractions": [0.5, 1.0],
    "pretrain": {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-3, "monitor_points": 1},
    "train": {"epochs": 1, "batch_size": 8, "lr": 1e-3, "tta": 1, "min_steps": 0},
    "arms": {
        "plain": {},
        "twins": {"pretrain": {}},
        "twins, probed": {"pretrain": {}, "train": {"tuning": "linear_probe"}},
    },
}


def _estimate(phantoms, arms=STUDY["arms"]):
    study = parse(Study, STUDY | {"data": str(phantoms), "arms": arms}, where="test")
    data = open_dataset(phantoms)
    split = open_split(data)
    plan = make_plan(study, data_hash=data.hash, split_hash=split.hash)
    return plan, estimate(plan, make_fabric("fp32", "cpu"))


@pytest.fixture
def told(monkeypatch):
    """The tasks that would be measured; each takes 100 s, or 40 s with fewer labels."""
    tasks = []

    def costs(wanted, _free, _threads):
        tasks.extend(wanted)
        seconds = {"train": [40.0, 100.0], "pretrain": [300.0]}
        return [Cost(seconds=seconds[task.run.kind], memory=2**30) for task in wanted]

    monkeypatch.setattr(module, "_costs", costs)
    return tasks


def test_what_differs_in_seed_label_fraction_or_weights_alone_is_measured_once(
    phantoms, told, tmp_path
):
    plan, found = _estimate(phantoms)
    assert [task.run.kind for task in told] == ["train", "pretrain", "train"]
    assert [task.label_fractions for task in told] == [[0.5, 1.0], [], [0.5, 1.0]]
    for run in plan:
        expected = 300 if run.kind == "pretrain" else {0.5: 40, 1.0: 100}[run.label_fraction]
        assert found.seconds_of(run) == expected
    assert found.total() == 2 * 300 + 6 * 140


def test_settings_that_cost_no_time_are_not_measured_again(phantoms, told):
    arms = {
        "plain": {},
        "balanced": {"train": {"class_balance": "loss", "ema": 0.9, "lr": 2e-3}},
        "found": {"train": {"lr": "valley"}},
        "strong": {"train": {"views": "strong"}},
    }
    _estimate(phantoms, arms)
    assert [task.run.arm for task in told] == ["plain", "found", "strong"]


def test_the_table_says_what_is_shared(phantoms, told):
    _, found = _estimate(phantoms)
    pretraining = next(line for line in found.table().splitlines() if "pretraining" in line)
    assert pretraining.split()[:6] == ["2", "5", "min", "10", "min", "1.0"]
    assert "each for 4 trainings: twins, twins, probed" in pretraining
    training = next(line for line in found.table().splitlines() if "head_then_full" in line)
    assert training.split()[:6] == ["4", "40", "s", "3", "min", "1.0"]
    assert "labels 0.5: plain, twins" in training
    assert "In all about 24 min, with at most 1.0 of " in found.table()


def test_predictions_of_another_tool_take_no_time(phantoms, told):
    (tmp := phantoms.parent / "others.csv").touch()
    plan, found = _estimate(phantoms, {"plain": {}, "theirs": {"predictions": str(tmp)}})
    (theirs,) = [run for run in plan if run.kind == "predictions"]
    assert found.seconds_of(theirs) == 0
    assert "scoring of predictions: theirs" in found.table()


def _of(seconds, needs, *, processors):
    study = parse(Study, STUDY | {"data": "x", "arms": {"a": {}}}, where="test")
    run = make_plan(study, data_hash="d", split_hash="s")[0]
    runs = [run.model_copy(update={"id": name, "needs": needs.get(name)}) for name in seconds]
    memory = dict.fromkeys(seconds, 3 * 2**30)
    device = "cuda" if processors > 1 else "cpu"
    return Estimate(runs, seconds, memory, device, "fp32", 5 * 2**30, processors)


def test_workers_wait_for_a_pretraining_and_for_a_processor():
    seconds, needs = {"p": 10, "a": 3, "b": 5, "c": 5, "d": 5}, {"b": "p", "c": "p", "d": "gone"}
    found = _of(seconds, needs, processors=4)
    assert found.total() == 28
    assert found.total(2) == 15  # a and d beside p, then b and c
    assert found.total(100) == 15
    assert _of(seconds, needs, processors=1).total(4) == 28
    assert _of({}, {}, processors=1).total() == 0


def test_workers_that_need_more_memory_together_than_there_is_are_warned_of():
    found = _of({"a": 3, "b": 3}, {}, processors=1)
    assert "WARNING" not in found.table()
    assert "by 2 workers, with at most 6.0 of 5.0 GiB of memory" in found.table(workers=2)
    assert "WARNING: There may not be enough memory" in found.table(workers=2)
    assert "WARNING" not in _of({"a": 3, "b": 3}, {}, processors=2).table(workers=2)


@pytest.mark.parametrize(
    ("threads", "runs", "more"), [(4, "abcdef", 2), (4, "a", 1), (2, "abcdef", 2), (1, "ab", 1)]
)
def test_workers_that_fit_into_memory_are_named(monkeypatch, threads, runs, more):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = _of(dict.fromkeys(runs, 200), {}, processors=1)  # each takes 3 GiB
    found = replace(found, available=7 * 2**30)
    assert found.best_workers() == more
    assert (f"--workers {more} would use more of it" in found.table()) == (more > 1)
    assert "would use more" not in found.table(workers=more)


def test_a_worker_s_runs_take_longer_on_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    whole = _of({"a": 100, "b": 100}, {}, processors=1)
    half = whole.divided(2)
    assert half.seconds["a"] == pytest.approx(100 * 2**0.6)
    assert half.total(2) == pytest.approx(100 * 2**0.6)
    assert half.divided(1).seconds["a"] == pytest.approx(100)
    assert whole.divided(16).seconds["a"] == pytest.approx(100 * 8**0.6)  # none has less than one
    gpu = _of({"a": 100}, {}, processors=2)
    assert gpu.divided(2) is gpu


def test_as_many_workers_are_chosen_as_end_soonest(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)

    def best(seconds, needs=None):
        return replace(_of(seconds, needs or {}, processors=1), available=99 * 2**30).best_workers()

    assert best(dict.fromkeys("abcd", 600)) == 4
    assert best(dict.fromkeys("abcdefgh", 1)) == 1  # over before other processes have started
    assert best({"p": 600} | dict.fromkeys("abcd", 60), dict.fromkeys("abcd", "p")) == 1
    long = {"p": 3600, "a": 60, "b": 60}
    assert best(long) == 1  # one long run is done sooner by all cores
    assert best({}) == 1


def test_on_gpus_there_are_as_many_workers_as_they_take(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = _of(dict.fromkeys("abcde", 600), {}, processors=2)
    assert found.best_workers() == 2
    assert found.best_workers(runs_per_gpu=2) == 4
    assert found.best_workers(runs_per_gpu=9) == 5
    assert most_workers(found.runs, "mps") == 1


@pytest.mark.parametrize(
    ("fits", "what"), [(16, "set batch_size to 16, the largest"), (0, "not even one of 2 does")]
)
def test_a_batch_that_does_not_fit_stops_the_study_with_what_fits(
    phantoms, monkeypatch, fits, what
):
    def costs(tasks, _free, _threads):
        return [
            Cost(seconds=[1, 1], memory=1, fits=fits if task.run.kind == "pretrain" else None)
            for task in tasks
        ]

    monkeypatch.setattr(module, "_costs", costs)
    with pytest.raises(UserError, match=rf"Arm 'twins': a batch of 32 images needs.*{what}"):
        _estimate(phantoms)


@pytest.mark.slow
def test_a_real_study_is_measured_in_a_process_of_its_own(phantoms):
    plan, found = _estimate(phantoms)
    assert all(found.seconds_of(run) > 0 for run in plan)
    assert all(2**27 < found.memory[run.id] < found.available for run in plan)
    half, whole = (
        next(r for r in plan if (r.arm, r.seed, r.label_fraction) == ("twins", 0, share))
        for share in (0.5, 1.0)
    )
    assert found.seconds_of(half) < found.seconds_of(whole)


def test_lack_of_memory_is_met_in_that_process_alone(phantoms, monkeypatch):
    monkeypatch.setattr(module, "_memory", lambda _: 100 * 2**20)
    arms = {"plain": {"encoder": "resnet18", "train": {"batch_size": 4}}}
    with pytest.raises(UserError, match=r"Arm 'plain': a batch of 4 images .* 0\.1 GiB"):
        _estimate(phantoms, arms)


def test_steps_that_fail_are_a_sentence(phantoms):
    study = parse(Study, STUDY | {"data": str(phantoms), "split": "gone"}, where="test")
    plan = make_plan(study, data_hash="d", split_hash="s")[:1]
    with pytest.raises(UserError, match=r"first steps of a run failed, so the run would: .*gone"):
        estimate(plan, make_fabric("fp32", "cpu"))
