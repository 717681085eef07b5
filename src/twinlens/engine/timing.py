"""A training's first steps, to see how long they take; in place of `loop.train`."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from twinlens.engine.checkpoint import save_checkpoint
from twinlens.engine.loop import CHECKPOINT, Phase, make_train_step

ENOUGH_S = 1.0
"""Seconds after which a rehearsal of anything has taken long enough."""

_SMALL = 32


def rehearse(
    module: nn.Module, phases: Iterable[Phase], *, fabric: Fabric, folder: Path, seed: int
) -> pd.DataFrame:
    """Take the first steps of each phase, and keep a checkpoint, as training does.

    The first step of a phase counts only where it alone takes long enough.

    Args:
        module: What is trained; it is changed.
        phases: As for `train`.
        fabric: The engine.
        folder: Where the checkpoint is kept.
        seed: As for `train`.

    Returns:
        A row for each phase that has steps: their number, the seconds of each, and the seconds
        that a checkpoint takes.
    """
    module.to(fabric.device)
    rows = []
    with torch.random.fork_rng():
        for phase in phases:
            total = len(phase.schedule)
            if not total:
                continue
            seconds = _seconds_a_step(make_train_step(module, phase, fabric, seed), phase, total)
            began = time.monotonic()
            state = {"module": module.state_dict(), "optimizer": phase.optimizer.state_dict()}
            save_checkpoint(folder / CHECKPOINT, state)
            rows.append((phase.name, total, seconds, time.monotonic() - began))
    return pd.DataFrame(rows, columns=["phase", "steps", "seconds", "checkpoint"])


def _seconds_a_step(take_step: Callable[..., object], phase: Phase, total: int) -> float:
    taken, began = 0, time.monotonic()
    for step in range(total):
        take_step(step, float(phase.schedule.lr[step]), float(phase.schedule.momentum[step]))
        taken, elapsed = taken + 1, time.monotonic() - began
        if elapsed >= ENOUGH_S:
            break
        if step == 0 and total > 1:
            taken, began = 0, time.monotonic()
    return elapsed / taken


def scaled(work: Callable[[int], object], size: int) -> float:
    """Estimate the seconds that some work takes, from a part of it.

    A small part comes first: it warms up, and tells how large a part takes long enough.

    Args:
        work: Function of a size that takes time in proportion to it.
        size: The whole; 0 for nothing to do.
    """
    part = min(size, _SMALL)
    if not part:
        return 0.0
    seconds = _seconds(work, part)
    if seconds < ENOUGH_S:
        part = min(size, max(part, int(part * ENOUGH_S / max(seconds, 1e-3))))
        seconds = _seconds(work, part)
    return seconds * size / part


def _seconds(work: Callable[[int], object], size: int) -> float:
    began = time.monotonic()
    work(size)
    return time.monotonic() - began
