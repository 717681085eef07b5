"""Several processes that train one network together, each on its share of every batch."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import active_children, get_context
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessException
from torch.nn.modules.batchnorm import _BatchNorm

from twinlens import console
from twinlens.errors import UserError, require
from twinlens.types import Embeddings, Rows

# torch announces each process that it ends because another one failed.
logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)


def launch(fabric: Fabric, work: Callable[[Fabric], None]) -> None:
    """Do some work in all processes, of which the first one alone speaks.

    Under torchrun, SLURM or the like every process calls this. Otherwise this one starts them,
    waits for them, and none is left at the end.

    Args:
        fabric: The engine.
        work: Where processes are to be started: a function that can be pickled.

    Raises:
        UserError: One of the processes met it.
    """
    if fabric.strategy.launcher is None:
        work(fabric)
        return
    # An exception of another process arrives as the text of its traceback, so it is sent as well.
    mistakes, before = get_context("spawn").SimpleQueue(), active_children()
    port = os.environ.get("MASTER_PORT")
    try:
        fabric.launch(partial(_work, work=work, mistakes=mistakes))
    except ProcessException:
        if mistakes.empty():
            raise
        raise mistakes.get() from None
    except KeyboardInterrupt:
        for process in set(active_children()) - set(before):
            process.terminate()
        raise
    finally:
        if port is None:
            os.environ.pop("MASTER_PORT", None)


def _work(fabric: Fabric, work: Callable[[Fabric], None], mistakes: Any) -> None:
    console.quiet = not fabric.is_global_zero
    # What torch sends when the process that started us dies; shells ignore it in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work(fabric)
    except (UserError, OSError) as error:
        mistakes.put(error)
        raise
    finally:
        dist.destroy_process_group()  # else its threads may end the process with a message


def check_batch(batch_size: int, processes: int) -> None:
    """Refuse a batch that cannot be shared out evenly.

    Raises:
        UserError: The batch size is no multiple of the number of processes.
    """
    if batch_size % processes:
        nearest = max(1, round(batch_size / processes)) * processes
        raise UserError(
            f"The batch size {batch_size} cannot be shared out evenly among {processes} "
            f"processes: set batch_size to {nearest}, or another multiple."
        )


def shard(fabric: Fabric, batch: Rows) -> Rows:
    """Return this process' part of a batch; joined in the order of ranks they are the batch."""
    size = len(batch) // fabric.world_size
    return batch[fabric.global_rank * size : (fabric.global_rank + 1) * size]


class _Join(torch.autograd.Function):
    """Gathers; every process computes the same loss of the whole, so it keeps its own part."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.rows = len(z)
        parts = [torch.empty_like(z) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, z.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        start = dist.get_rank() * ctx.rows
        return gradient[start : start + ctx.rows] * dist.get_world_size()


def gather(z: Embeddings) -> Embeddings:
    """Return the embeddings of the whole batch, in the order of the ranks.

    A loss of them, computed by every process, is the loss that one process would have on the
    whole batch. So is its gradient: each process' own part comes back to it, multiplied by the
    number of processes, because DistributedDataParallel averages the gradients of the weights
    over processes where they are to be added up.

    Args:
        z: This process' embeddings, shape (n, d), n the same everywhere. Alone, it is returned.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return z
    result: Embeddings = _Join.apply(z)  # type: ignore[no-untyped-call]
    return result


def synchronise_batchnorm(module: nn.Module, fabric: Fabric) -> None:
    """Let BatchNorm inside a module take its statistics over the whole batch, where it can.

    On CPUs torch has no such layer: each process then normalises its share on its own.
    """
    if fabric.world_size == 1 or not any(isinstance(part, _BatchNorm) for part in module.modules()):
        return
    if fabric.device.type == "cuda":
        # torch's own function would drop the activation that a layer of timm's has inside.
        convert = (
            require("timm.layers", extra="timm").convert_sync_batchnorm
            if "timm" in sys.modules
            else nn.SyncBatchNorm.convert_sync_batchnorm
        )
        convert(module)
        return
    console.say(
        "WARNING: BatchNorm cannot be synchronised on this processor: each process takes its "
        "statistics from its own share of the batch, so results differ from one process'."
    )
