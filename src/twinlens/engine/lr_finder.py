"""The learning-rate finder: a mock training whose learning rate rises until the loss diverges.

Smith (arXiv 1506.01186), as fastai's `lr_find` does it and the paper uses it (section 3.3,
Figure 5): 100 exponential steps from 1e-7 to 10, the smoothed loss, and the `valley` rule.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Literal

import numpy as np
from torch import nn
from torch.optim import Optimizer

from twinlens.records.lr_finder import LRFinderResult

STEPS = 100
"""Number of learning rates that are tried, at most."""

_SMOOTHING = 0.98
_DIVERGED = 4.0
_SHORTEST = 10
"""A decreasing subsequence under this length (of 85 losses) says nothing."""


def fixed(lr: float) -> LRFinderResult:
    """Return the result for a learning rate that was set."""
    message = f"The learning rate {lr:g} was set; the finder did not run."
    return LRFinderResult(suggestion=lr, how="fixed", message=message)


def find_lr(
    module: nn.Module,
    optimizer: Optimizer,
    take_step: Callable[[int, float], float],
    *,
    fallback: float,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = STEPS,
) -> LRFinderResult:
    """Find a maximum learning rate for one-cycle.

    Weights, buffers and optimiser are afterwards as they were, bit for bit, also when
    `take_step` fails.

    Args:
        module: What is trained.
        optimizer: Its optimiser.
        take_step: Function of (step, lr) that trains on one batch and returns its loss.
        fallback: Learning rate where the curve gives none.
        lowest: First learning rate.
        highest: Learning rate that would follow the last step.
        steps: Number of learning rates.
    """
    weights, optimiser_state = deepcopy(module.state_dict()), deepcopy(optimizer.state_dict())
    modes = {name: part.training for name, part in module.named_modules()}
    lrs: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    try:
        for step in range(steps):
            lr = lowest * (highest / lowest) ** (step / steps)
            loss = take_step(step, lr)
            if not math.isfinite(loss):
                break
            lrs.append(lr)
            losses.append(loss)
            smoothed = smooth(losses)
            if smoothed[-1] > _DIVERGED * min(smoothed):
                break
    finally:
        module.load_state_dict(weights)
        optimizer.load_state_dict(optimiser_state)
        optimizer.zero_grad()
        for name, part in module.named_modules():
            part.training = modes[name]
    suggestion, how, message = _suggest(lrs, smoothed, steps, fallback)
    return LRFinderResult(
        suggestion=suggestion,
        how=how,
        message=message,
        lrs=tuple(lrs),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
    )


def smooth(losses: Sequence[float], beta: float = _SMOOTHING) -> list[float]:
    """Return the exponential moving average of the losses, without its bias towards zero."""
    average, result = 0.0, []
    for i, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        result.append(average / (1 - beta**i))
    return result


def longest_decrease(losses: Sequence[float]) -> tuple[int, int]:
    """Return (index of the last loss, length) of the longest decreasing subsequence.

    A subsequence: its losses need not be neighbours. Of several, the one that ends first.
    """
    values = np.asarray(losses)
    lengths = np.ones(len(values), dtype=int)
    for i in range(1, len(values)):
        before = lengths[:i][values[:i] > values[i]]
        if len(before):
            lengths[i] = before.max() + 1
    end = int(lengths.argmax())
    return end, int(lengths[end])


def valley(lrs: Sequence[float], losses: Sequence[float]) -> tuple[float, int]:
    """Return fastai's `valley` learning rate, and the length of the decrease that it lies in.

    With the longest decreasing subsequence, of length L and ending at index e, the rate stands
    at index (e - L) + floor(L/3) + floor(L/6): about half way down.
    """
    end, length = longest_decrease(losses)
    index = max(0, (end - length) + length // 3 + length // 6)
    return lrs[index], length


def _suggest(
    lrs: list[float], smoothed: list[float], steps: int, fallback: float
) -> tuple[float, Literal["valley", "fallback"], str]:
    """Apply `valley` to what remains without the first tenth and the last five losses."""
    window = slice(steps // 10, -5)
    if len(lrs[window]) >= _SHORTEST:
        lr, length = valley(lrs[window], smoothed[window])
        if length >= _SHORTEST:
            return lr, "valley", f"valley suggests {lr:.2g}, from {len(lrs)} learning rates."
        reason = (
            f"the loss never fell for long (at most {length} times in {len(lrs)} learning rates)"
        )
    else:
        reason = f"the loss diverged after {len(lrs)} learning rates"
    return (
        fallback,
        "fallback",
        f"The curve gives no learning rate, since {reason}; took {fallback:g}.",
    )
