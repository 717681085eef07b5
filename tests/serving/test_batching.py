import asyncio

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from twinlens.serving.backend import open_backend
from twinlens.serving.batching import Batcher, BusyError


def run(backend, script, max_batch=4, limit=100):
    async def main():
        sizes = Histogram("sizes", "Sizes", registry=CollectorRegistry())
        batcher = Batcher(backend, max_batch, limit, sizes)
        worker = asyncio.create_task(batcher.work())
        try:
            return await script(batcher)
        finally:
            worker.cancel()

    return asyncio.run(main())


class Slow:
    """Counts its batches, and fails where an image is black."""

    def __init__(self):
        self.batches = []

    def answer(self, pixels):
        self.batches.append(len(pixels))
        if not pixels.any(axis=(1, 2, 3)).all():
            raise RuntimeError("black")
        return [int(image[0, 0, 0]) for image in pixels]


def square(value):
    return np.full((8, 8, 3), value, np.uint8)


def test_concurrent_images_share_forward_passes_and_keep_their_answers():
    backend = Slow()

    async def script(batcher):
        return await asyncio.gather(*(batcher.predict([square(i)]) for i in range(1, 10)))

    assert run(backend, script) == [[i] for i in range(1, 10)]
    assert backend.batches == [4, 4, 1]


def test_a_failure_is_told_to_its_batch_alone():
    async def script(batcher):
        failed = batcher.predict([square(1), square(0)])
        results = await asyncio.gather(failed, return_exceptions=True)
        return results, await batcher.predict([square(5)])

    (failed,), later = run(Slow(), script)
    assert str(failed) == "black"
    assert later == [5]


def test_a_full_queue_takes_no_more_and_those_who_left_are_not_computed():
    backend = Slow()

    async def script(batcher):
        waiting = asyncio.create_task(batcher.predict([square(1), square(2)]))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await batcher.predict([square(3), square(4)])
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return await batcher.predict([square(7)])

    assert run(backend, script, limit=3) == [7]
    assert backend.batches == [1]


@pytest.mark.parametrize("kind", ["small_model", "small_ensemble", "onnx_file"])
def test_a_batch_gives_each_image_what_it_gets_alone(request, kind):
    backend = open_backend(request.getfixturevalue(kind), "cpu")
    images = [*np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), np.uint8)]

    async def script(batcher):
        together = await asyncio.gather(*(batcher.predict([image]) for image in images))
        return together, [await batcher.predict([image]) for image in images]

    together, alone = run(backend, script, max_batch=8)
    for (a,), (b,) in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-5)
