import pytest
import torch
from torch import nn

from twinlens.engine import timing as rehearsal
from twinlens.engine.checkpoint import load_checkpoint
from twinlens.engine.device import make_fabric
from twinlens.engine.loop import CHECKPOINT, Phase, adamw, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.timing import rehearse, scaled


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(rehearsal.time, "monotonic", lambda: now[0])
    return now


def _phase(name, schedule, net, seconds=lambda _: 0.0, clock=None):
    def loss(module, step):
        if clock:
            clock[0] += seconds(step)
        return module(torch.full((2, 3), float(step))).square().mean(), {}

    return Phase(name, schedule, adamw(net, weight_decay=0.0), loss)


def _rehearsed(clock, folder, *, steps, seconds):
    net = nn.Linear(3, 1)
    phase = _phase("one_cycle", one_cycle(steps, 1e-3), net, seconds, clock)
    (row,) = rehearse(
        net, [phase], fabric=make_fabric("fp32", "cpu"), folder=folder, seed=0
    ).to_dict("records")
    assert row["steps"] == steps
    return row["seconds"]


def test_the_first_step_only_warms_up(clock, tmp_path):
    taken = []

    def seconds(step):
        taken.append(step)
        return 0.9 if step == 0 else 0.3

    assert _rehearsed(clock, tmp_path, steps=50, seconds=seconds) == pytest.approx(0.3)
    assert taken == [0, 1, 2, 3, 4]  # until a second is over


def test_a_step_that_is_long_enough_is_measured_alone(clock, tmp_path):
    taken = []

    def seconds(step):
        taken.append(step)
        return 40.0

    assert _rehearsed(clock, tmp_path, steps=50, seconds=seconds) == pytest.approx(40.0)
    assert taken == [0]


def test_no_more_steps_are_taken_than_a_phase_has(clock, tmp_path):
    assert _rehearsed(clock, tmp_path, steps=1, seconds=lambda _: 0.2) == pytest.approx(0.2)
    assert _rehearsed(clock, tmp_path, steps=2, seconds=lambda s: 0.2 + s) == pytest.approx(1.2)


def test_it_takes_the_steps_of_training_and_leaves_a_checkpoint(tmp_path):
    def phases(net):
        return [
            _phase("none", constant(0, 1e-3), net),
            _phase("head", constant(2, 1e-3), net),
            _phase("one_cycle", one_cycle(3, 1e-2), net),
        ]

    networks = []
    for folder, through in ((tmp_path / "trained", train), (tmp_path / "rehearsed", rehearse)):
        torch.manual_seed(1)
        net = nn.Linear(3, 1)
        rows = through(net, phases(net), fabric=make_fabric("fp32", "cpu"), folder=folder, seed=4)
        networks.append(net)
    assert rows["phase"].tolist() == ["head", "one_cycle"]
    assert rows["steps"].tolist() == [2, 3]
    assert torch.equal(networks[0].weight, networks[1].weight)  # short phases are taken whole
    assert "optimizer" in load_checkpoint(tmp_path / "rehearsed" / CHECKPOINT)


def test_work_is_scaled_up_from_a_part_that_takes_long_enough(clock):
    sizes = []

    def work(size):
        sizes.append(size)
        clock[0] += 0.01 * size

    assert scaled(work, 20_000) == pytest.approx(200.0)
    assert sizes == [32, 100]
    assert scaled(work, 20) == pytest.approx(0.2)
    assert scaled(lambda _: pytest.fail("there is nothing to do"), 0) == 0
    sizes.clear()
    assert scaled(lambda size: work(100 * size), 64) == pytest.approx(64.0)
    assert sizes == [3200]
