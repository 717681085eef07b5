"""The learning-rate finder: a mock training whose learning rate rises until the loss diverges.

Smith (arXiv 1506.01186), as fastai's `lr_find` does it and the paper uses it (section 3.3,
Figure 5): 100 exponential steps from 1e-7 to 10, the smoothed loss, and the `valley` rule. That
finds a valley in pure noise too, so it is asked only where the loss falls by more than its noise.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import rankdata
from torch import nn
from torch.optim import Optimizer

from twinlens.records.lr_finder import LRFinderResult

STEPS = 100
"""Number of learning rates that are tried, at most."""

_SMOOTHING = 0.98
_DIVERGED = 4.0
_SHORTEST = 10
"""A decreasing subsequence under this length (of 85 losses) says nothing."""

_FALL = 12
"""Successive losses whose mean must be below that of all losses before them, at least 10."""

_LEVEL = 0.02
"""Share of the curves of pure noise that pass for a fall."""


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
    suggestion, how, message = _suggest(lrs, losses, smoothed, fallback, steps)
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


def noise_probability(losses: Sequence[float]) -> float:
    """Return how often noise alone falls by as much: the p value of a permutation test.

    Only the order of the losses counts, so neither outliers nor a divergence at the end matter.

    Args:
        losses: The loss at each learning rate, not smoothed; 22 or more.
    """
    ranks = rankdata(losses)
    shuffled = np.random.default_rng(0).permuted(np.tile(ranks, (999, 1)), axis=1)
    (fall,) = largest_fall(ranks[None])
    return float(1 + (largest_fall(shuffled) >= fall).sum()) / 1000


def largest_fall(losses: Float[ndarray, "curve step"]) -> Float[ndarray, " curve"]:
    """Return of each curve the largest t statistic of 12 losses in a row against all before."""
    first = np.arange(_SHORTEST, losses.shape[-1] - _FALL + 1)
    total, squares = (
        np.insert(np.cumsum(values, axis=-1), 0, 0, axis=-1) for values in (losses, losses**2)
    )
    before = total[..., first] / first
    after = (total[..., first + _FALL] - total[..., first]) / _FALL
    within = squares[..., first + _FALL] - first * before**2 - _FALL * after**2
    variance = np.maximum(within, 1e-9) / (first + _FALL - 2)
    result: ndarray = ((before - after) / np.sqrt(variance * (1 / first + 1 / _FALL))).max(axis=-1)
    return result


def _suggest(
    lrs: list[float], losses: list[float], smoothed: list[float], fallback: float, steps: int
) -> tuple[float, Literal["valley", "fallback"], str]:
    """Apply `valley` to what remains without the first tenth and the last five losses."""
    window = slice(steps // 10, -5)
    if len(lrs[window]) < _SHORTEST:
        reason = f"the loss diverged after {len(lrs)} learning rates"
    elif noise_probability(losses) > _LEVEL:
        reason = f"the loss never fell by more than its noise in {len(lrs)} learning rates"
    else:
        lr, length = valley(lrs[window], smoothed[window])
        if length >= _SHORTEST:
            return lr, "valley", f"valley suggests {lr:.2g}, from {len(lrs)} learning rates."
        reason = (
            f"the loss never fell for long (at most {length} times in {len(lrs)} learning rates)"
        )
    message = f"The curve gives no learning rate, since {reason}; took the default, {fallback:g}."
    return fallback, "fallback", message
