"""Which images make up a step's batch, and reading them."""

import math
import mmap
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch

from twinlens.data.remote_pack import runs
from twinlens.errors import UserError
from twinlens.seeds import generator
from twinlens.transfer import to_device
from twinlens.types import Images, Pack, Rows

CPU_LIMIT = 2**30
"""Bytes of images that are held in memory on a CPU; more are read batch by batch."""

GPU_SHARE = 0.25
"""Share of a GPU's free memory that images may take; likewise."""

share: ContextVar[float] = ContextVar("share", default=1.0)
"""Share of the images of each batch that is taken, to see how many fit into memory."""

_BLOCK = 1024
"""Images that are read at a time, so that memory holds few of them twice."""

T = TypeVar("T")

Reader = Callable[[Rows], Images]
"""Function of row numbers that returns their images, in that order."""


def epoch_order(rows: Rows, seed: int, epoch: int) -> Rows:
    """Return the rows in the order in which an epoch visits them."""
    return generator(seed, "epoch", epoch).permutation(rows)


def balanced_order(rows: Rows, labels: Rows, seed: int, epoch: int) -> Rows:
    """Return as many rows as there are, in an order for an epoch that shows all classes equally.

    Classes take turns, through all epochs: of a frequent class an epoch shows some images, of a
    rare one each of them several times. An image comes again when all of its class have come.

    Args:
        rows: Row numbers to visit.
        labels: Class number of each of them.
        seed: Seed of the order.
        epoch: Which epoch.
    """
    classes = np.unique(labels)
    turns = np.arange(epoch * len(rows), (epoch + 1) * len(rows))
    order = np.empty_like(rows)
    for place, number in enumerate(classes):
        mine = turns % len(classes) == place
        members = rows[labels == number]
        rounds, positions = np.divmod(turns[mine] // len(classes), len(members))
        orders = {
            r: generator(seed, "class", int(number), int(r)).permutation(members)
            for r in np.unique(rounds)
        }
        order[mine] = [orders[r][p] for r, p in zip(rounds, positions, strict=True)]
    return epoch_order(order, seed, epoch)


def view_keys(batch: Rows, images: int) -> Rows:
    """Return a number for each place in a batch, another one where an image comes again.

    It is the row where the image comes first, so that a batch without repetition has its own rows.

    Args:
        batch: Row numbers, some perhaps several times.
        images: Number of images in the data set.
    """
    rows = pd.Series(batch)
    return batch + images * rows.groupby(rows).cumcount().to_numpy()


class Batches:
    """Shuffled batches as a function of the training step, so that resuming needs no state.

    A last batch of an epoch that is not full is left out.

    Attributes:
        steps_per_epoch: Number of batches in an epoch.
    """

    def __init__(
        self, rows: Rows, *, batch_size: int, seed: int, labels: Rows | None = None
    ) -> None:
        """Prepare batches.

        Args:
            rows: Row numbers to visit.
            batch_size: Images per batch.
            seed: Seed of the order.
            labels: Class number of each row, for batches in which classes are equally likely; see
                `balanced_order`. None: every image comes once per epoch.

        Raises:
            UserError: There are no images, or not enough for one batch.
        """
        if not len(rows):
            raise UserError(
                "There are no images to train on: the split has no labelled training images, or "
                "for a pretraining no image. Import images or labels, and split again."
            )
        if batch_size > len(rows):
            fitting = 2 ** int(np.log2(len(rows)))
            raise UserError(
                f"The batch size {batch_size} is larger than the {len(rows)} images there are: "
                f"set batch_size to {fitting} or less."
            )
        self.steps_per_epoch = len(rows) // batch_size
        self._batch_size = batch_size
        self._order_of = (
            partial(epoch_order, rows, seed)
            if labels is None
            else partial(balanced_order, rows, labels, seed)
        )
        self._epoch = -1
        self._order = rows

    def rows(self, step: int) -> Rows:
        """Return the row numbers of a step's batch; steps count on through the epochs."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = self._order_of(epoch)
            self._epoch = epoch
        first = position * self._batch_size
        return self._order[first : first + round(self._batch_size * share.get())]


def ids_of(batches: Batches, table: pd.DataFrame) -> Callable[[int], list[str]]:
    """Return a function of the step that returns the ids of its batch's images."""
    return lambda step: table["id"].iloc[batches.rows(step)].tolist()


@dataclass(frozen=True)
class PackReader:
    """Reads images of a pack.

    Attributes:
        read: See `Reader`.
        resident: Whether it holds the images in the memory of the device.
    """

    read: Reader
    resident: bool

    def __call__(self, rows: Rows) -> Images:
        """Return images, in the order of the rows."""
        return self.read(rows)


def reader(images: Pack, rows: Rows, device: torch.device | str = "cpu") -> PackReader:
    """Return a function that reads images of a pack onto a device.

    If the images of `rows` are few enough they are read once and held there as uint8; otherwise
    each call reads from the pack, so that `ahead` is of use. The result is the same.

    Args:
        images: The pack.
        rows: All rows that will be asked for.
        device: Where the images are wanted.

    Returns:
        Function of row numbers, shape (batch,), that returns float32 images in [0, 1], shape
        (batch, 3, size, size), in the channels_last memory format.
    """
    device = torch.device(device)
    rows = np.unique(rows)
    if len(rows) * math.prod(images.shape[1:]) > memory_limit(device):

        def read_now(wanted: Rows) -> Images:
            found = _read(images, wanted)
            pinned = found.pin_memory() if device.type == "cuda" else found
            return _floats(to_device(pinned, device))

        return PackReader(read_now, False)
    resident = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        resident[start : start + len(part)] = _read(images, part).to(device)
    place = np.full(len(images), -1)
    place[rows] = np.arange(len(rows))

    def read(wanted: Rows) -> Images:
        index = place[wanted]
        if (index < 0).any():
            raise IndexError("These rows were not announced to the reader.")
        return _floats(resident[to_device(torch.from_numpy(index), device)])

    return PackReader(read, True)


def ahead(load: Callable[[int], T], *, resident: bool) -> Callable[[int], T]:
    """Return a function of the step that a thread has computed while the step before was taken.

    Args:
        load: Function of the step, whatever was loaded before.
        resident: Whether its images are in memory: then it is returned as it is, as a thread does
            not make a processor faster, but a disk or a network.
    """
    if resident:
        return load
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: dict[int, Future[T]] = {}

    def loaded(step: int) -> T:
        if share.get() < 1:  # a trial of what fits, of this step alone
            return load(step)
        future = waiting.pop(step, None)
        result = future.result() if future else load(step)
        waiting.clear()
        waiting[step + 1] = thread.submit(load, step + 1)
        return result

    return loaded


def memory_limit(device: torch.device) -> float:
    """Return the bytes of images that a reader holds in the memory of a device."""
    if device.type != "cuda":
        return CPU_LIMIT
    free, _ = torch.cuda.mem_get_info(device)
    return GPU_SHARE * free


def _read(images: Pack, rows: Rows) -> torch.Tensor:
    """Read in the order in which the images lie on disk, return them in the order asked for."""
    order = np.argsort(rows)
    _announce(images, rows[order])
    result = np.empty((len(rows), *images.shape[1:]), dtype=np.uint8)
    result[order] = images[rows[order]]
    return torch.from_numpy(result)


def _announce(images: Pack, rows: Rows) -> None:
    """Let the system read these images of a memory-mapped pack together, and only them.

    Left alone it reads one after the other, each with what lies around it: some fifty times slower
    from a disk (benchmarks/larger_than_memory.py).
    """
    if not isinstance(images, np.memmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return
    mapped: Any = images.base
    if not isinstance(mapped, mmap.mmap):  # a part of a pack
        return
    each, page = math.prod(images.shape[1:]), mmap.PAGESIZE
    for first, last in zip(*runs(rows), strict=True):
        start = (images.offset + int(first) * each) // page * page
        mapped.madvise(mmap.MADV_WILLNEED, start, images.offset + (int(last) + 1) * each - start)


def _floats(batch: torch.Tensor) -> Images:
    return batch.permute(0, 3, 1, 2).float().div_(255)
