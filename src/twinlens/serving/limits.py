"""What a client may ask for, and how often."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

_CLIENTS = 10_000
"""Clients that are remembered; those that have not come for the longest are forgotten."""


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        max_bytes: Bytes of a request.
        max_images: Images of a request.
        max_batch: Images of a forward pass.
        queue: Images that may wait.
        rate: Predictions that a client may ask for in a minute.
        bad_tokens: Wrong tokens that a client may send in a minute.
        upload_seconds: Time within which a request must have arrived.
    """

    max_bytes: int = 20_000_000
    max_images: int = 16
    max_batch: int = 16
    queue: int = 128
    rate: int = 120
    bad_tokens: int = 10
    upload_seconds: float = 30


@dataclass
class RateLimit:
    """A token bucket for each client: as many at once as in a minute, refilled steadily.

    Attributes:
        rate: Events that a client may have in a minute.
        clock: Returns the time in seconds.
    """

    rate: int
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, client: str) -> float:
        """Return the seconds until a client may have another event; 0 for now."""
        return max(0.0, (1 - self._left(client)) * 60 / self.rate)

    def count(self, client: str) -> None:
        """Count an event of a client."""
        self._buckets[client] = (self._left(client) - 1, self.clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)

    def _left(self, client: str) -> float:
        left, since = self._buckets.get(client, (self.rate, self.clock()))
        return min(self.rate, left + (self.clock() - since) * self.rate / 60)
