"""Micro-batching: images of concurrent requests go through the network together."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from prometheus_client import Histogram

from twinlens.serving.backend import Backend, Prediction
from twinlens.types import PackedImage

T = TypeVar("T")


class BusyError(Exception):
    """Too many images wait already."""


@dataclass(frozen=True)
class _Job:
    pixels: PackedImage
    done: "asyncio.Future[Prediction]" = field(default_factory=asyncio.Future)


class Batcher:
    """A queue of images and a worker that predicts what has gathered in it meanwhile.

    The worker takes what is there and never waits for more, so that a single request loses no time.
    The network runs in a thread of its own.

    Args:
        backend: The model.
        max_batch: Images that are predicted together, at most.
        limit: Images that may wait.
        sizes: Where the sizes of the batches are counted.
    """

    def __init__(self, backend: Backend, max_batch: int, limit: int, sizes: Histogram) -> None:
        self._backend, self._max_batch, self._limit, self._sizes = backend, max_batch, limit, sizes
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    @property
    def waiting(self) -> int:
        """Number of images that wait."""
        return self._queue.qsize()

    async def predict(self, images: list[PackedImage]) -> list[Prediction]:
        """Predict images, beside those of other requests.

        Raises:
            BusyError: The queue has no room for them.
        """
        if self.waiting + len(images) > self._limit:
            raise BusyError
        jobs = [_Job(pixels) for pixels in images]
        for job in jobs:
            self._queue.put_nowait(job)
        return await asyncio.gather(*(job.done for job in jobs))

    async def in_thread(self, function: Callable[..., T], *args: object) -> T:
        """Call a function of the model between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def work(self) -> None:
        """Predict until cancelled. What fails, fails for the requests of its batch alone."""
        while True:
            jobs = [await self._queue.get()]
            while len(jobs) < self._max_batch and not self._queue.empty():
                jobs.append(self._queue.get_nowait())
            jobs = [job for job in jobs if not job.done.done()]  # of clients that have left
            if jobs:
                await self._predict(jobs)

    async def _predict(self, jobs: list[_Job]) -> None:
        self._sizes.observe(len(jobs))
        try:
            pixels = np.stack([job.pixels for job in jobs])
            predictions = await self.in_thread(self._backend.answer, pixels)
        except Exception as error:
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        for job, prediction in zip(jobs, predictions, strict=True):
            if not job.done.done():
                job.done.set_result(prediction)
