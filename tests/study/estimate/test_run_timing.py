import numpy as np
import pytest

from twinlens.config import parse
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import loop
from twinlens.engine.timing import Rehearsal
from twinlens.inference import test_time
from twinlens.pretraining import monitor as monitoring
from twinlens.pretraining import pretrain as pretraining
from twinlens.study.estimate.records import TimingTask
from twinlens.study.estimate.run_timing import seconds
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan

TRAIN = {"epochs": 2, "batch_size": 8, "lr": 1e-3, "tta": 1}
PRETRAIN = {"epochs": 2, "batch_size": 32, "projector": [8], "lr": 1e-3}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr("twinlens.engine.timing.ENOUGH_S", 0.05)
    monkeypatch.setattr(pretraining, "write_snapshot", lambda *_, **__: None)  # seconds of t-SNE


@pytest.fixture
def counted(monkeypatch):
    """The numbers of steps that rehearsals count; each step takes 10 s."""
    totals = []

    def first_steps(rehearsal: Rehearsal, take_step, total):
        take_step(0)
        totals.append(total)
        rehearsal.count(rehearsal.now(), 10.0 * total)
        return 10.0 * total

    monkeypatch.setattr(loop, "first_steps", first_steps)
    return totals


def _seconds(data, folder, kind="train", label_fractions=(1.0,), **changes):
    """Estimate the seconds of a run of a study."""
    content = {
        "data": str(data),
        "encoder": "resnet18_quarter",
        "precision": "fp32",
        "train": TRAIN | (changes if kind == "train" else {}),
        "pretrain": PRETRAIN | (changes if kind == "pretrain" else {}),
        "arms": {"arm": {"pretrain": {}}},
    }
    plan = make_plan(parse(Study, content, where="test"), data_hash="d", split_hash="s")
    run = next(run for run in plan if run.kind == kind)
    fractions = list(label_fractions) if kind == "train" else []
    batch_size = (TRAIN if kind == "train" else PRETRAIN)["batch_size"]
    task = TimingTask(run=run, label_fractions=fractions, batch_size=batch_size, device="cpu")
    return seconds(task, folder, batch_size)


@pytest.mark.parametrize(("min_steps", "more"), [(0, 60), (6, 30), (300, 0)])
def test_time_grows_with_the_steps_that_a_label_fraction_gives(
    phantoms, tmp_path, counted, min_steps, more
):
    fractions = (0.5, 1.0)
    half, whole = _seconds(phantoms, tmp_path, label_fractions=fractions, min_steps=min_steps)
    assert len(open_split(open_dataset(phantoms)).rows["train"]) // 8 == 4
    assert counted == [4, 8]  # one epoch of the head, two of one-cycle
    assert whole - half == pytest.approx(more)
    assert whole >= 120


def test_the_steps_of_the_learning_rate_finder_count_once(phantoms, tmp_path, counted):
    changes = {"lr": "valley", "min_steps": 0}
    half, whole = _seconds(phantoms, tmp_path, label_fractions=(0.5, 1.0), **changes)
    assert counted == [4, 100, 8]
    assert whole - half == pytest.approx(60)
    assert whole >= 1120


def test_images_of_val_and_test_stay_unopened(phantoms, tmp_path, monkeypatch):
    split, opened = open_split(open_dataset(phantoms)), []
    outputs = test_time.in_batches

    def spy(output, read, rows, *others):
        opened.append(rows)
        return outputs(output, read, rows, *others)

    monkeypatch.setattr(test_time, "in_batches", spy)
    _seconds(phantoms, tmp_path)
    assert [len(rows) for rows in opened] == [len(split.rows["val"]), len(split.rows["test"])]
    assert set(np.concatenate(opened)) <= set(split.rows["train"])


def test_probes_and_pretrainings_are_timed_too(phantoms, tmp_path):
    half, whole = _seconds(phantoms, tmp_path, label_fractions=(0.5, 1.0), tuning="linear_probe")
    assert 0 < half < whole < 1000
    (pretraining,) = _seconds(phantoms, tmp_path / "other", "pretrain", monitor_points=1)
    assert 0 < pretraining < 1000


@pytest.mark.parametrize(("points", "evaluations"), [(0, 0), (3, 4), (500, 19)])
def test_each_evaluation_of_the_monitor_counts(
    phantoms, tmp_path, monkeypatch, points, evaluations, counted
):
    evaluate = monitoring.evaluate

    def slow(*arguments, **options):
        rehearsal = loop.current_rehearsal()
        rehearsal.count(rehearsal.now(), 10_000.0)
        return evaluate(*arguments, **options)

    monkeypatch.setattr(monitoring, "evaluate", slow)
    (found,) = _seconds(phantoms, tmp_path, "pretrain", monitor_points=points, epochs=5)
    assert found // 10_000 == evaluations  # before each of the 18 steps, and after
