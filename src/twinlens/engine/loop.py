"""The one training loop: every phase of every training passes through `train`."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from twinlens.console import progress, say
from twinlens.engine.checkpoint import load_checkpoint, save_checkpoint
from twinlens.engine.failed_step import FailedStep, keep_failed_step, refusal
from twinlens.engine.lr_finder import STEPS, find_lr, fixed
from twinlens.engine.memory import fitting
from twinlens.engine.one_cycle import Schedule
from twinlens.engine.timing import Rehearsal, current_rehearsal, first_steps, repeated
from twinlens.errors import UserError
from twinlens.records.lr_finder import LRFinderResult
from twinlens.seeds import derive

CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY_S = 60.0
"""Seconds between checkpoints; each phase also ends with one."""

LR_FINDER = "lr_finder.json"

Loss = Callable[[nn.Module, int], tuple[Tensor, dict[str, Tensor]]]
"""Function of (module, step) that returns the loss of that step's batch, and its terms."""


class Step(NamedTuple):
    """Loss of a step, norm of its gradient, and the loss's terms."""

    loss: float
    gradient: float
    terms: dict[str, float]

    @property
    def finite(self) -> bool:
        """Whether the step was taken: only if loss and gradient are finite."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient)


TakeStep = Callable[[int, float, float], Step]
"""Function of (step, lr, momentum) that trains on one batch."""

must_stop: ContextVar[Callable[[], bool]] = ContextVar("must_stop", default=lambda: False)
"""Called after each step: whether the training must stop there; see `Stopped`."""


class Stopped(Exception):  # noqa: N818, it is not an error
    """A training stopped on request, with a checkpoint from which it can be resumed."""


@dataclass(frozen=True)
class Phase:
    """A part of a training with one optimiser and one schedule.

    Attributes:
        name: Unique among the phases of a training.
        schedule: Learning rate and momentum of each step.
        optimizer: Holds the parameters that this phase trains.
        loss: See `Loss`. It depends only on module and step, so that a resumed phase continues
            as if it had never stopped.
        frozen: Parts of the module that stay in eval mode, so that BatchNorm keeps its statistics.
        images: Ids of the images of a step's batch, to be kept of a step that fails.
        after_step: Called with the number of a step once the optimiser has taken it.
        should_stop: Called after each step with the number of steps done: whether to end the phase.
    """

    name: str
    schedule: Schedule
    optimizer: Optimizer
    loss: Loss
    frozen: tuple[nn.Module, ...] = ()
    images: Callable[[int], Sequence[str]] = lambda _: ()
    after_step: Callable[[int], None] = lambda _: None
    should_stop: Callable[[int], bool] = lambda _: False


def train(
    module: nn.Module,
    phases: Iterable[Phase],
    *,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Train a module through its phases, resuming from the checkpoint in `folder` if there is one.

    The checkpoint is loaded before the first phase is requested, so `phases` may be a generator
    that computes between its phases, such as a learning-rate finder; on resuming it runs again,
    on the same weights.

    Args:
        module: What is trained, in place.
        phases: The phases in order.
        fabric: Device and precision.
        folder: Where the checkpoint is kept.
        seed: Seeds torch's global generator at each step, which dropout inside an encoder uses.

    Returns:
        One row per step: phase, step, lr, momentum, loss, the loss's terms and seconds.

    Raises:
        UserError: The loss, the gradient or a weight is no longer a finite number.
        Stopped: `must_stop` returned True.
    """
    path = folder / CHECKPOINT
    state: dict[str, Any] = load_checkpoint(path) or {"done": [], "phase": None, "history": []}
    if "module" in state:
        module.load_state_dict(state["module"])
    module.to(fabric.device)
    for done, row in enumerate(state["history"], start=1):
        fabric.log_dict(row, done)  # the loggers of a resumed run start empty
    with torch.random.fork_rng():
        for phase in phases:
            if phase.name not in state["done"]:
                rehearsal = current_rehearsal()
                if rehearsal is None:
                    _train_phase(module, phase, state, fabric, path, seed)
                elif len(phase.schedule):
                    _rehearse_phase(rehearsal, module, phase, fabric, path, seed)
    return pd.DataFrame(state["history"])


def _train_phase(
    module: nn.Module,
    phase: Phase,
    state: dict[str, Any],
    fabric: Fabric,
    path: Path,
    seed: int,
) -> None:
    first = 0
    take_step = make_train_step(module, phase, fabric, seed)
    if state["phase"] == phase.name:
        first = state["step"]
        phase.optimizer.load_state_dict(state["optimizer"])
    state |= {"phase": phase.name, "module": module.state_dict()}
    total, saved = len(phase.schedule), time.monotonic()
    with progress(phase.name.replace("_", "-"), total) as show:
        for step in range(first, total):
            began = time.monotonic()
            lr, momentum = float(phase.schedule.lr[step]), float(phase.schedule.momentum[step])
            taken = take_step(step, lr, momentum)
            if not taken.finite:
                failed = _failed(phase, step, taken, fabric, seed)
                if fabric.is_global_zero:
                    keep_failed_step(path.parent, module, failed)
                raise refusal(path.parent, failed)
            row = {"phase": phase.name, "step": step, "lr": lr, "momentum": momentum}
            losses = {"loss": taken.loss, **taken.terms}
            seconds = time.monotonic() - began
            state["history"].append(row | losses | {"seconds": seconds})
            fabric.log_dict(state["history"][-1], len(state["history"]))
            show(step + 1, ", ".join(f"{n} {v:.4g}" for n, v in losses.items()))
            if phase.should_stop(step + 1):
                break
            stop = must_stop.get()()
            if stop or time.monotonic() - saved >= CHECKPOINT_EVERY_S:
                state |= {"step": step + 1, "optimizer": phase.optimizer.state_dict()}
                _save(fabric, path, state)
                saved = time.monotonic()
            if stop:
                raise Stopped
    state["done"].append(phase.name)
    state |= {"phase": None, "step": 0, "optimizer": {}}
    _save(fabric, path, state)


def _rehearse_phase(
    rehearsal: Rehearsal, module: nn.Module, phase: Phase, fabric: Fabric, path: Path, seed: int
) -> None:
    """Take the first steps of a phase, and save a checkpoint."""
    take_step, schedule = make_train_step(module, phase, fabric, seed), phase.schedule
    seconds = first_steps(
        rehearsal,
        lambda step: take_step(step, float(schedule.lr[step]), float(schedule.momentum[step])),
        len(schedule),
    )
    rehearsal.per_image += seconds
    with repeated(1 + int(seconds // CHECKPOINT_EVERY_S)):
        state = {"module": module.state_dict(), "optimizer": phase.optimizer.state_dict()}
        _save(fabric, path, state)


def _failed(phase: Phase, step: int, taken: Step, fabric: Fabric, seed: int) -> FailedStep:
    return FailedStep(
        phase=phase.name,
        step=step,
        seed=seed,
        lr=float(phase.schedule.lr[step]),
        momentum=float(phase.schedule.momentum[step]),
        loss=str(taken.loss),
        gradient=str(taken.gradient),
        images=tuple(phase.images(step)),
        device=fabric.device.type,
        precision=str(fabric.strategy.precision.precision),
    )


def _save(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, unless its weights are no longer finite: the one before stays."""
    broken = [name for name, part in state["module"].items() if not part.isfinite().all()]
    if broken:
        raise UserError(
            f"The weights are no longer finite ({broken[0]}): try a lower learning rate or "
            "precision fp32 (--overwrite)."
        )
    if fabric.is_global_zero:
        save_checkpoint(path, state)


def make_train_step(module: nn.Module, phase: Phase, fabric: Fabric, seed: int) -> TakeStep:
    """Return a function that trains on one batch, if its loss and gradient are finite.

    Several processes use their mean loss and gradient, so that all of them decide alike. The
    function raises a `UserError` if the batch does not fit into memory.
    """
    wrapped, optimizer = fabric.setup(module, phase.optimizer)
    trained = [p for group in optimizer.param_groups for p in group["params"]]

    def attempt(step: int, lr: float, momentum: float) -> Step:
        wrapped.train()
        for part in phase.frozen:
            part.eval()
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
            group["betas"] = momentum, group["betas"][1]
        torch.manual_seed(derive(seed, phase.name, step))  # dropout inside an encoder
        loss, terms = phase.loss(wrapped, step)
        mean = torch.as_tensor(fabric.all_reduce(loss.detach().clone()))  # reduces in place
        fabric.backward(loss)
        norm = get_total_norm([p.grad for p in trained if p.grad is not None])
        value, gradient = torch.stack([mean.float(), norm.float()]).tolist()
        taken = Step(value, gradient, {name: float(term.item()) for name, term in terms.items()})
        if taken.finite:
            optimizer.step()
            phase.after_step(step)
        optimizer.zero_grad()
        return taken

    def take_step(step: int, lr: float, momentum: float) -> Step:
        images = partial(phase.images, step) if fabric.world_size == 1 else tuple
        return fitting(lambda: attempt(step, lr, momentum), images, fabric.device)

    return take_step


def choose_lr(
    lr: float | Literal["valley"],
    module: nn.Module,
    trial: Phase,
    *,
    fallback: float,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> LRFinderResult:
    """Return the maximum learning rate of one-cycle: the given one, or that of the finder.

    Args:
        lr: A learning rate, or "valley" for the learning-rate finder.
        module: What is trained; it is left as it was.
        trial: How the finder trains; its loss takes other batches than the training's.
        fallback: Learning rate where the finder's curve gives none.
        fabric: Device and precision.
        folder: Where lr_finder.json is kept, which a resumed run reads.
        seed: As for `train`.
    """
    path = folder / LR_FINDER
    if path.exists():
        return LRFinderResult.read(path)
    if lr == "valley":
        take_step = make_train_step(module, trial, fabric, seed)
        if rehearsal := current_rehearsal():
            first_steps(rehearsal, lambda step: take_step(step, 0.0, 0.9), STEPS)
            return fixed(fallback)

        def loss_at(step: int, rate: float) -> float:
            taken = take_step(step, rate, 0.9)
            return taken.loss if taken.finite else math.nan

        result = find_lr(module, trial.optimizer, loss_at, fallback=fallback)
    else:
        result = fixed(lr)
    say(f"Learning rate: {result.message}")
    if fabric.is_global_zero:
        result.write(path)
    return result
