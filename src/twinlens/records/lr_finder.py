"""What the learning-rate finder did: ``lr_finder.json``."""

from typing import Literal

from twinlens.records.base import Record


class LRFinderResult(Record):
    """A learning rate, how it was chosen, and the curve that it was read from.

    Attributes:
        suggestion: The maximum learning rate of one-cycle training.
        how: "valley"; "fallback" where the curve gave no learning rate; "fixed" where one was set.
        message: The same in a sentence.
        lrs: The learning rates that were tried.
        losses: The loss at each.
        smoothed: Their moving average, from which the suggestion is read.
    """

    suggestion: float
    how: Literal["valley", "fallback", "fixed"]
    message: str
    lrs: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    smoothed: tuple[float, ...] = ()
