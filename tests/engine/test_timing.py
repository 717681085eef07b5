import numpy as np
import pytest
import torch
from torch import nn

from twinlens.data.splits import Split
from twinlens.engine import timing
from twinlens.engine.checkpoint import load_checkpoint
from twinlens.engine.device import make_fabric
from twinlens.engine.loop import CHECKPOINT, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Phase
from twinlens.engine.timing import (
    first_steps,
    in_proportion,
    rehearsing,
    repeat_to,
    repeated,
    scaled,
    visible_split,
)
from twinlens.records.split import ImportedSplit, SplitRecord


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])
    return now


def _first_steps(clock, total, seconds):
    """Return the estimated seconds of all steps, and the steps that were taken."""
    taken = []

    def take_step(step):
        taken.append(step)
        clock[0] += seconds(step)

    with rehearsing() as rehearsal:
        found = first_steps(rehearsal, take_step, total)
        assert rehearsal.now() == pytest.approx(100.0 + found)
    clock[0] = 100.0
    return found, taken


def test_the_first_step_only_warms_up(clock):
    found, taken = _first_steps(clock, 50, lambda step: 0.9 if step == 0 else 0.3)
    assert found == pytest.approx(50 * 0.3)
    assert taken == [0, 1, 2, 3, 4]  # until a second is over


def test_a_step_that_is_long_enough_is_measured_alone(clock):
    assert _first_steps(clock, 50, lambda _: 40.0) == (pytest.approx(2000.0), [0])


def test_no_more_steps_are_taken_than_there_are(clock):
    assert _first_steps(clock, 1, lambda _: 0.2)[0] == pytest.approx(0.2)
    assert _first_steps(clock, 2, lambda step: 0.2 + step)[0] == pytest.approx(2.4)


def test_a_rehearsal_takes_the_steps_of_training_and_leaves_a_checkpoint(tmp_path):
    def phase(name, schedule, net):
        def loss(module, step):
            return module(torch.full((2, 3), float(step))).square().mean(), {}

        return Phase(name, schedule, adamw(net, weight_decay=0.0), loss)

    def trained(folder):
        torch.manual_seed(1)
        net = nn.Linear(3, 1)
        phases = [
            phase("none", constant(0, 1e-3), net),
            phase("head", constant(2, 1e-3), net),
            phase("one_cycle", one_cycle(3, 1e-2), net),
        ]
        return net, train(net, phases, fabric=make_fabric("fp32", "cpu"), folder=folder, seed=4)

    expected, history = trained(tmp_path / "trained")
    with rehearsing() as rehearsal:
        net, nothing = trained(tmp_path / "rehearsed")
    assert len(history) == 5
    assert nothing.empty
    assert rehearsal.per_image > 0
    assert torch.equal(net.weight, expected.weight)  # short phases are taken whole
    assert "optimizer" in load_checkpoint(tmp_path / "rehearsed" / CHECKPOINT)


def test_work_is_scaled_up_from_a_part_that_takes_long_enough(clock):
    sizes = []

    def work(size):
        sizes.append(size)
        clock[0] += 0.01 * size
        return size

    def seconds(work, size):
        with rehearsing() as rehearsal:
            began = rehearsal.now()
            scaled(work, size)
            return rehearsal.now() - began

    assert seconds(work, 20_000) == pytest.approx(200.0)
    assert sizes == [32, 100]
    assert seconds(work, 20) == pytest.approx(0.2)
    sizes.clear()
    assert seconds(lambda size: work(100 * size), 64) == pytest.approx(64.0)
    assert sizes == [3200]
    assert scaled(work, 20_000) == 20_000  # in a run, all of it


def test_work_inside_work_is_scaled_with_it(clock):
    def work(size):
        clock[0] += 0.01 * size

    with rehearsing() as rehearsal:
        began = rehearsal.now()
        with repeated(3), in_proportion():
            scaled(lambda size: scaled(work, 1000 * size), 2)
        assert rehearsal.per_image == pytest.approx(20.0)
        assert rehearsal.now() - began == pytest.approx(60.0)


def test_outputs_of_a_part_are_repeated():
    outputs = np.arange(6.0).reshape(3, 2)
    assert repeat_to(outputs, 3) is outputs
    assert repeat_to(outputs, 5).tolist() == outputs[[0, 1, 2, 0, 1]].tolist()


def test_training_images_stand_for_validation_and_test_images_in_a_rehearsal_only():
    rows = {"train": [4, 5], "val": [0], "test": [1, 2, 3], "unlabelled": [6, 7]}
    record = SplitRecord(name="s", hash="h", method=ImportedSplit(), counts={}, dropped=0, notes=[])
    split = Split(record, {part: np.array(numbers) for part, numbers in rows.items()})
    assert visible_split(split) is split
    with rehearsing():
        visible = visible_split(split).rows
    assert visible["test"].tolist() == [4, 5, 4]
    assert visible["val"].tolist() == [4]
    assert visible["unlabelled"].tolist() == [6, 7]
