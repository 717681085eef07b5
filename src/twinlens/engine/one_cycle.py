"""Learning rate and momentum for each step, as plain arrays computed before training.

One-cycle is Smith's policy (arXiv 1803.09820) in the cosine form of fastai's `fit_one_cycle`,
which the paper uses (section 3.3, Figure 6).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Schedule:
    """Learning rate and momentum (Adam's beta1) of every step, each of shape (steps,)."""

    lr: Float[np.ndarray, " step"]
    momentum: Float[np.ndarray, " step"]

    def __len__(self) -> int:
        return len(self.lr)


def constant(steps: int, lr: float, *, momentum: float = 0.9) -> Schedule:
    """Return a schedule that never changes."""
    return Schedule(np.full(steps, lr), np.full(steps, momentum))


def one_cycle(
    steps: int,
    lr: float,
    *,
    warmup: float = 0.25,
    start_divisor: float = 25.0,
    end_divisor: float = 1e5,
    momentum: tuple[float, float] = (0.95, 0.85),
) -> Schedule:
    """Return the one-cycle schedule.

    The rate rises along a cosine from lr/start_divisor to lr over the first `warmup` of the
    steps, then falls along a cosine to lr/end_divisor; momentum does the opposite. Step i stands
    at i/steps, so the last step is one short of the end, as in fastai.

    Args:
        steps: Number of optimiser steps.
        lr: The maximum.
        warmup: Share of the steps that rise, in (0, 1).
        start_divisor: lr over the first rate.
        end_divisor: lr over the rate that would follow the last step.
        momentum: Momentum at the ends, and where the rate is highest.
    """
    position = np.arange(steps) / max(steps, 1)
    high, low = momentum
    rising = position / warmup
    falling = (position - warmup) / (1 - warmup)
    up = position < warmup
    rise = _cosine(lr / start_divisor, lr, rising), _cosine(high, low, rising)
    fall = _cosine(lr, lr / end_divisor, falling), _cosine(low, high, falling)
    return Schedule(np.where(up, rise[0], fall[0]), np.where(up, rise[1], fall[1]))


def _cosine(
    start: float, end: float, position: Float[np.ndarray, " step"]
) -> Float[np.ndarray, " step"]:
    return start + (1 - np.cos(np.pi * position)) / 2 * (end - start)
