"""Batches for which a device has not enough memory: what fits is tried, and told."""

import gc
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from twinlens.data.batches import share
from twinlens.engine.timing import current_rehearsal
from twinlens.errors import UserError, lacks_memory

T = TypeVar("T")


def largest_that_fits(attempt: Callable[[int], object], below: int, *, least: int = 1) -> int:
    """Return the largest power of two below a batch size for which there is enough memory.

    Call it outside of the handler of the error, which holds the tensors of the batch that failed.

    Args:
        attempt: Does with a batch of some size what failed.
        below: The size that failed.
        least: The smallest that makes sense.

    Returns:
        The size; 0 if there is none.
    """
    size = 2 ** (math.ceil(math.log2(below)) - 1) if below > 1 else 0
    while size >= least:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(size)
            return size
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not lacks_memory(error):
                raise
        size //= 2
    return 0


def fitting(take: Callable[[], T], images: Callable[[], Sequence[str]], device: torch.device) -> T:
    """Take a training step, or say which batch fits into memory.

    Args:
        take: Takes the step. If it fails, it is called again with a share of the batch.
        images: Returns the ids of the batch's images; none to try no other size.
        device: Where the step is taken.

    Raises:
        UserError: The batch does not fit. The training must not go on after it.
    """
    try:
        return take()
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if current_rehearsal() or not lacks_memory(error):
            raise
    batch = len(images())

    def with_fewer(size: int) -> None:
        token = share.set(size / batch)
        try:
            take()
        finally:
            share.reset(token)

    fits = largest_that_fits(with_fewer, batch, least=2)
    what = f"A batch of {batch} images" if batch else "The batch"
    change = f"{fits}, the largest power of two that fits" if fits else "less"
    raise UserError(
        f"{what} needs more memory than {device} has: set batch_size to {change}, or choose "
        "smaller images or a smaller encoder."
    )
