import math
import random

import pandas as pd
import pytest
import torch
from torch import nn

from twinlens.engine import loop, step_log
from twinlens.engine.checkpoint import load_checkpoint
from twinlens.engine.device import make_fabric
from twinlens.engine.failed_step import FailedStep
from twinlens.engine.loop import CHECKPOINT, Stopped, choose_lr, must_stop, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Phase
from twinlens.errors import UserError


class _Killed(BaseException):
    """Stands for SIGKILL: nothing catches it on the way."""


def _net():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3)
    )


def _loss(kill_at=None, poison_at=None, poison_gradient_at=None):
    def loss(module, step):
        if step == kill_at:
            raise _Killed
        source = torch.Generator().manual_seed(step)
        x = torch.randn(12, 6, generator=source)
        y = torch.randint(3, (12,), generator=source)
        logits = module(x)
        if step == poison_gradient_at:
            logits.register_hook(lambda gradient: gradient * math.nan)
        value = nn.functional.cross_entropy(logits, y)
        return value * (float("nan") if step == poison_at else 1.0), {"twice": 2 * value.detach()}

    return loss


def _run(folder, *, kill=(None, None, None), poison=None, every_s=0.0):
    """Two phases with a learning-rate finder between them, as every training here has."""
    fabric = make_fabric("fp32", "cpu")
    net, last = _net(), _loss(kill[2], **(poison or {}))

    def phases():
        net[0].requires_grad_(False)
        optimizer = adamw(net, weight_decay=0.01)
        yield Phase("head", constant(7, 1e-2), optimizer, _loss(kill[0]), frozen=(net[1],))
        net[0].requires_grad_(True)
        optimizer = adamw(net, weight_decay=0.01)
        finding = choose_lr(
            "valley",
            net,
            Phase("lr_finder", constant(0, 0.0), optimizer, _loss(kill[1])),
            fallback=1e-3,
            fabric=fabric,
            folder=folder,
            seed=5,
        )
        yield Phase("one_cycle", one_cycle(9, finding.suggestion), optimizer, last)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_EVERY_S", every_s)
        history = train(net, phases(), fabric=fabric, folder=folder, seed=5)
    return net, history


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize("step", random.Random(0).sample(range(7), 3))
def test_killed_at_a_step_of_a_phase_and_resumed_the_weights_are_the_same(tmp_path, phase, step):
    whole, expected = _run(tmp_path / "whole", every_s=1e9)
    with pytest.raises(_Killed):
        _run(tmp_path / "killed", kill=tuple(step if i == phase else None for i in range(3)))
    resumed, history = _run(tmp_path / "killed")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    columns = ["phase", "step", "lr", "momentum", "loss", "twice"]
    assert history[columns].equals(expected[columns])


def test_killed_between_checkpoints_it_repeats_the_steps_since_the_last(tmp_path):
    whole, _ = _run(tmp_path / "whole")
    with pytest.raises(_Killed):
        _run(tmp_path / "killed", kill=(None, None, 6), every_s=1e9)
    resumed, history = _run(tmp_path / "killed", every_s=1e9)
    assert len(history) == 16
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])


@pytest.mark.parametrize("asked", [0, 6, 7, 15])
def test_asked_to_stop_it_writes_a_checkpoint_and_goes_on_from_there(tmp_path, asked):
    whole, expected = _run(tmp_path / "whole")
    steps = iter(range(16))
    token = must_stop.set(lambda: next(steps) == asked)
    try:
        with pytest.raises(Stopped):
            _run(tmp_path / "stopped", every_s=1e9)
    finally:
        must_stop.reset(token)
    assert len(load_checkpoint(tmp_path / "stopped" / CHECKPOINT)["history"]) == asked + 1
    resumed, history = _run(tmp_path / "stopped", every_s=1e9)
    assert history["loss"].equals(expected["loss"])
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])


def test_frozen_parts_keep_weights_and_statistics_in_their_phase(tmp_path):
    before = _net().state_dict()
    with pytest.raises(_Killed):
        _run(tmp_path, kill=(None, None, 0))
    after = load_checkpoint(tmp_path / CHECKPOINT)["module"]
    for name in ("0.weight", "0.bias", "1.running_mean", "1.running_var"):
        assert torch.equal(before[name], after[name])
    assert not torch.equal(before["4.weight"], after["4.weight"])


@pytest.mark.parametrize("every_s", [0.0, 1e9])
def test_what_steps_told_can_be_fetched_later(tmp_path, every_s, monkeypatch):
    net, history = _run(tmp_path / "each", every_s=every_s)
    monkeypatch.setitem(step_log.FETCH_EVERY, "cpu", 4)
    again, later = _run(tmp_path / "four", every_s=every_s)
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), later.drop(columns="seconds"))
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    with pytest.raises(_Killed):
        _run(tmp_path / "killed", kill=(None, None, 6), every_s=every_s)
    resumed, continued = _run(tmp_path / "killed", every_s=every_s)
    assert continued["loss"].equals(history["loss"])
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])


def test_history_follows_the_schedule_and_keeps_the_losss_terms(tmp_path):
    _, history = _run(tmp_path)
    assert history["phase"].tolist() == ["head"] * 7 + ["one_cycle"] * 9
    assert (history["lr"][:7] == 1e-2).all()
    assert history["lr"][7:].argmax() == 2
    assert (history["twice"] - 2 * history["loss"]).abs().max() < 1e-6
    assert (history["seconds"] > 0).all()


@pytest.mark.parametrize(
    ("what", "poison"),
    [("loss", {"poison_at": 4}), ("gradient", {"poison_gradient_at": 4})],
)
@pytest.mark.parametrize("every_s", [0.0, 1e9])
@pytest.mark.parametrize("fetch_every", [1, 3, 5])
def test_what_is_not_finite_stops_with_a_sentence_and_leaves_the_last_good_checkpoint(
    tmp_path, what, poison, every_s, fetch_every, monkeypatch
):
    monkeypatch.setitem(step_log.FETCH_EVERY, "cpu", fetch_every)
    whole, expected = _run(tmp_path / "whole")
    message = f"The {what} became nan at step 4 of phase 'one_cycle' .*lower learning rate"
    with pytest.raises(UserError, match=message):
        _run(tmp_path / "poisoned", poison=poison, every_s=every_s)
    state = load_checkpoint(tmp_path / "poisoned" / CHECKPOINT)
    assert all(tensor.isfinite().all() for tensor in state["module"].values())
    assert FailedStep.read(tmp_path / "poisoned.nan" / "step.json").step == 4
    mended, history = _run(tmp_path / "poisoned")
    assert history["loss"].equals(expected["loss"])
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, mended.state_dict()[name])


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    """BatchNorm's statistics can overflow while loss and gradient are finite."""

    def overflow(step):
        if step == 4:
            net[1].running_var.fill_(math.inf)

    net, fabric = _net(), make_fabric("fp32", "cpu")
    optimizer = adamw(net, weight_decay=0.0)
    phase = Phase("head", constant(9, 1e-2), optimizer, _loss(), after_step=overflow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
        with pytest.raises(UserError, match=r"no longer finite \(1.running_var\)"):
            train(net, [phase], fabric=fabric, folder=tmp_path, seed=0)
    state = load_checkpoint(tmp_path / CHECKPOINT)
    assert state["step"] == 4
    assert state["module"]["1.running_var"].isfinite().all()


def test_the_finder_ends_where_the_gradient_is_not_finite(tmp_path):
    net = _net()
    optimizer = adamw(net, weight_decay=0.0)
    trial = Phase("lr_finder", constant(0, 0.0), optimizer, _loss(poison_gradient_at=30))
    common = {"fallback": 1e-3, "fabric": make_fabric("fp32", "cpu"), "folder": tmp_path}
    assert len(choose_lr("valley", net, trial, **common, seed=0).lrs) == 30


def test_training_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    _net_state = torch.random.get_rng_state()
    net = _net()
    torch.random.set_rng_state(_net_state)
    phase = Phase("head", constant(2, 1e-2), adamw(net, weight_decay=0.0), _loss())
    train(net, [phase], fabric=make_fabric("fp32", "cpu"), folder=tmp_path, seed=0)
    assert torch.equal(torch.rand(1), expected)


def test_a_given_rate_is_taken_without_a_search(tmp_path):
    net = _net()
    optimizer = adamw(net, weight_decay=0.0)
    common = {"fallback": 1e-3, "fabric": make_fabric("fp32", "cpu"), "seed": 0}
    trial = Phase("lr_finder", constant(0, 0.0), optimizer, _loss())
    finding = choose_lr(3e-3, net, trial, folder=tmp_path, **common)
    assert (finding.suggestion, finding.how, finding.lrs) == (3e-3, "fixed", ())
