"""The history of a phase, fetched from the device a few steps at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from lightning_fabric import Fabric

from twinlens.engine.phase import Phase
from twinlens.engine.train_step import Step, Taken, TakeStep, fetch

FETCH_EVERY = {"cpu": 1, "cuda": 10, "mps": 10}
"""Steps of a kind of device after which what they told is fetched and looked at."""


class StepLog:
    """Adds a row to a history for each step that was taken.

    Attributes:
        latest: The losses of the last step that was fetched, for people to read.
    """

    def __init__(
        self,
        phase: Phase,
        fabric: Fabric,
        history: list[dict[str, Any]],
        refuse: Callable[[int, Step], NoReturn],
    ) -> None:
        """Begin with no step.

        Args:
            phase: Whose steps are taken.
            fabric: Device and loggers.
            history: Where the rows go.
            refuse: Called with the first step, if any, whose loss or gradient is not finite.
        """
        self.latest = ""
        self._phase, self._fabric, self._history, self._refuse = phase, fabric, history, refuse
        self._pending: list[tuple[int, Taken]] = []
        self._every = FETCH_EVERY[fabric.device.type]
        self._seconds = 0.0

    def add(self, step: int, take: TakeStep) -> None:
        """Take a step; if enough wait for it, fetch what they told."""
        with self._timed():
            self._pending.append((step, take(step, *self._phase.rates(step))))
        if len(self._pending) >= self._every:
            self.fetch()

    def fetch(self) -> None:
        """Note the steps that wait; each is said to have taken an equal part of their time."""
        if not self._pending:
            return
        with self._timed():
            told = fetch([taken for _, taken in self._pending])
        steps, seconds = [step for step, _ in self._pending], self._seconds / len(told)
        self._pending, self._seconds = [], 0.0
        for step, taken in zip(steps, told, strict=True):
            if not taken.finite:
                self._refuse(step, taken)
            lr, momentum = self._phase.rates(step)
            losses = {"loss": taken.loss, **taken.terms}
            row = {"phase": self._phase.name, "step": step, "lr": lr, "momentum": momentum}
            self._history.append(row | losses | {"seconds": seconds})
            self._fabric.log_dict(self._history[-1], len(self._history))
            self.latest = ", ".join(f"{n} {v:.4g}" for n, v in losses.items())

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._seconds += time.monotonic() - began
