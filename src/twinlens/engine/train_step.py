"""One training step, in which nothing waits for the device.

What a step tells (its loss, the norm of its gradient, the loss's terms) stays on the device until
it is fetched, if need be of several steps at once. Whether loss and gradient are finite is decided
there too: where they are not, neither this step nor a later one changes a weight.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from twinlens.engine.memory import fitting
from twinlens.engine.phase import Phase
from twinlens.seeds import derive
from twinlens.transfer import to_device


class Step(NamedTuple):
    """Loss of a step, norm of its gradient, and the loss's terms."""

    loss: float
    gradient: float
    terms: dict[str, float]

    @property
    def finite(self) -> bool:
        """Whether the step was taken: only if loss and gradient are finite."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient)


class Taken(NamedTuple):
    """A step as the device has it: loss, norm of the gradient and terms, and the terms' names."""

    numbers: Tensor
    terms: tuple[str, ...]

    def fetch(self) -> Step:
        """Wait for the device."""
        return fetch([self])[0]


TakeStep = Callable[[int, float, float], Taken]
"""Function of (step, lr, momentum) that trains on one batch."""


def fetch(steps: Sequence[Taken]) -> list[Step]:
    """Wait for the device once, for what several steps told."""
    rows = torch.stack([taken.numbers for taken in steps]).tolist()
    return [
        Step(loss, gradient, dict(zip(taken.terms, terms, strict=True)))
        for taken, (loss, gradient, *terms) in zip(steps, rows, strict=True)
    ]


def make_train_step(module: nn.Module, phase: Phase, fabric: Fabric, seed: int) -> TakeStep:
    """Return a function that trains on one batch, if its loss and gradient are finite.

    After a step in which they are not, no step changes a weight. Several processes use their mean
    loss and gradient, so that all of them decide alike. The function raises a `UserError` if the
    batch does not fit into memory. `Phase.after_step` is left to the caller.
    """
    wrapped, optimizer = fabric.setup(module, phase.optimizer)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    failed = torch.zeros((), device=fabric.device)
    phase.optimizer.found_inf = failed  # type: ignore[attr-defined]  # as torch's GradScaler does

    def attempt(step: int, lr: float, momentum: float) -> Taken:
        wrapped.train()
        for part in phase.frozen:
            part.eval()
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
            group["betas"] = momentum, group["betas"][1]
        torch.manual_seed(derive(seed, phase.name, step))  # dropout inside an encoder
        loss, terms = phase.loss(wrapped, step)
        fabric.backward(loss)
        norm = get_total_norm([p.grad for p in trained if p.grad is not None])
        told = (loss, norm, *terms.values())  # some terms are constants that lie on the CPU
        numbers = torch.stack(
            [to_device(n.detach(), fabric.device, dtype=torch.float32) for n in told]
        )
        numbers = torch.as_tensor(fabric.all_reduce(numbers))  # their means
        failed.copy_(torch.maximum(failed, (~numbers[:2].isfinite()).any().float()))
        # MPS's fused step has ignored found_inf (pytorch#186360), and waits for the device here.
        if fabric.device.type != "mps" or not failed:
            optimizer.step()
        optimizer.zero_grad()
        return Taken(numbers, tuple(terms))

    def take_step(step: int, lr: float, momentum: float) -> Taken:
        images = partial(phase.images, step) if fabric.world_size == 1 else tuple
        return fitting(lambda: attempt(step, lr, momentum), images, fabric.device)

    return take_step
