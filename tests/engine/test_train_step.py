import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from twinlens.engine.device import make_fabric
from twinlens.engine.one_cycle import constant
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Phase
from twinlens.engine.train_step import fetch, make_train_step


def _net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def _loss(poison_loss_at=None, poison_gradient_at=None):
    def loss(module, step):
        source = torch.Generator().manual_seed(step)
        x = torch.randn(12, 6, generator=source)
        logits = module(x)
        if step == poison_gradient_at:
            logits.register_hook(lambda gradient: gradient * math.nan)
        value = logits.square().mean()
        return value * (math.inf if step == poison_loss_at else 1.0), {"twice": 2 * value.detach()}

    return loss


def _step(net, **poison):
    optimizer = adamw(net, weight_decay=0.0)
    phase = Phase("head", constant(9, 1e-2), optimizer, _loss(**poison))
    return optimizer, make_train_step(net, phase, make_fabric("fp32", "cpu"), seed=0)


@pytest.mark.parametrize("poison", [{"poison_loss_at": 2}, {"poison_gradient_at": 2}])
def test_after_a_step_that_is_not_finite_nothing_moves_weights_or_optimiser(poison):
    net = _net()
    optimizer, take_step = _step(net, **poison)
    taken = [take_step(step, 1e-2, 0.9) for step in (0, 1)]
    before = {name: tensor.clone() for name, tensor in net.named_parameters()}
    taken += [take_step(step, 1e-2, 0.9) for step in (2, 3)]
    assert [step.finite for step in fetch(taken)] == [True, True, False, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in net.named_parameters())
    assert all(state["step"] == 2 for state in optimizer.state.values())
    assert all(state["exp_avg"].isfinite().all() for state in optimizer.state.values())
    assert all(tensor.grad is None for tensor in net.parameters())


def test_the_gradient_alone_can_fail():
    _, take_step = _step(_net(), poison_gradient_at=0)
    taken = take_step(0, 1e-2, 0.9).fetch()
    assert math.isfinite(taken.loss)
    assert math.isnan(taken.gradient)


def test_steps_that_are_fetched_together_are_those_fetched_one_by_one():
    together, alone = _step(_net())[1], _step(_net())[1]
    taken = [together(step, 1e-2, 0.9) for step in range(4)]
    assert fetch(taken) == [alone(step, 1e-2, 0.9).fetch() for step in range(4)]
    assert fetch(taken)[0].terms["twice"] == pytest.approx(2 * fetch(taken)[0].loss)


class _Waits(TorchDispatchMode):
    """Counts the operations that make a processor wait for a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten.is_nonzero.default,
            torch.ops.aten.nonzero.default,
        )
        return function(*args, **(kwargs or {}))


def test_a_step_waits_for_nothing():
    _, take_step = _step(_net())
    take_step(0, 1e-2, 0.9)  # creates the optimiser's state
    with _Waits() as waits:
        taken = take_step(1, 1e-2, 0.9)
        assert waits.count == 0
        taken.numbers[0].item()
        assert waits.count == 1
