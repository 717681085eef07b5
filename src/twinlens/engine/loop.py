"""The one training loop: every phase of every training passes through `train`."""

import math
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, NoReturn

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from twinlens.console import progress, say
from twinlens.engine.checkpoint import load_checkpoint, save_checkpoint
from twinlens.engine.failed_step import FailedStep, keep_failed_step, refusal
from twinlens.engine.lr_finder import STEPS, find_lr, fixed
from twinlens.engine.phase import Phase
from twinlens.engine.step_log import StepLog
from twinlens.engine.timing import Rehearsal, current_rehearsal, first_steps, repeated
from twinlens.engine.train_step import Step, make_train_step
from twinlens.errors import UserError
from twinlens.records.lr_finder import LRFinderResult

CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY_S = 60.0
"""Seconds between checkpoints; each phase also ends with one."""

LR_FINDER = "lr_finder.json"

must_stop: ContextVar[Callable[[], bool]] = ContextVar("must_stop", default=lambda: False)
"""Called after each step: whether the training must stop there; see `Stopped`."""


class Stopped(Exception):  # noqa: N818, it is not an error
    """A training stopped on request, with a checkpoint from which it can be resumed."""


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
    with torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []):
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

    def refuse(step: int, taken: Step) -> NoReturn:
        failed = _failed(phase, step, taken, fabric, seed)
        if fabric.is_global_zero:
            keep_failed_step(path.parent, module, failed)
        raise refusal(path.parent, failed)

    log = StepLog(phase, fabric, state["history"], refuse)
    with progress(phase.name.replace("_", "-"), total) as show:
        for step in range(first, total):
            log.add(step, take_step)
            phase.after_step(step)
            show(step + 1, log.latest)
            if phase.should_stop(step + 1):
                break
            stop = must_stop.get()()
            if stop or time.monotonic() - saved >= CHECKPOINT_EVERY_S:
                log.fetch()
                state |= {"step": step + 1, "optimizer": phase.optimizer.state_dict()}
                _save(fabric, path, state)
                saved = time.monotonic()
            if stop:
                raise Stopped
        log.fetch()
    state["done"].append(phase.name)
    state |= {"phase": None, "step": 0, "optimizer": {}}
    _save(fabric, path, state)


def _rehearse_phase(
    rehearsal: Rehearsal, module: nn.Module, phase: Phase, fabric: Fabric, path: Path, seed: int
) -> None:
    """Take the first steps of a phase, and save a checkpoint."""
    take_step = make_train_step(module, phase, fabric, seed)

    def step_and_wait(step: int) -> None:
        take_step(step, *phase.rates(step)).fetch()
        phase.after_step(step)

    seconds = first_steps(rehearsal, step_and_wait, len(phase.schedule))
    rehearsal.per_image += seconds
    with repeated(1 + int(seconds // CHECKPOINT_EVERY_S)):
        state = {"module": module.state_dict(), "optimizer": phase.optimizer.state_dict()}
        _save(fabric, path, state)


def _failed(phase: Phase, step: int, taken: Step, fabric: Fabric, seed: int) -> FailedStep:
    lr, momentum = phase.rates(step)
    return FailedStep(
        phase=phase.name,
        step=step,
        seed=seed,
        lr=lr,
        momentum=momentum,
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

        def loss_at(step: int, rate: float) -> float:
            taken = take_step(step, rate, 0.9).fetch()
            if not taken.finite:
                return math.nan
            trial.after_step(step)
            return taken.loss

        if rehearsal := current_rehearsal():
            first_steps(rehearsal, lambda step: loss_at(step, 0.0), STEPS)
            return fixed(fallback)
        result = find_lr(module, trial.optimizer, loss_at, fallback=fallback)
    else:
        result = fixed(lr)
    say(f"Learning rate: {result.message}")
    if fabric.is_global_zero:
        result.write(path)
    return result
