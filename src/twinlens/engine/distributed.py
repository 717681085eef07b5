"""Data-parallel training in several processes, each with its shard of every batch."""

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
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessException, ProcessExitedException
from torch.nn.modules.batchnorm import _BatchNorm

from twinlens import console
from twinlens.errors import UserError, require
from twinlens.types import Rows

Outputs = Float[Tensor, "batch *_"]
"""What a network returns for each image of a batch."""

# torch logs each process that it terminates because another one failed.
logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)


def launch(fabric: Fabric, function: Callable[[Fabric], None]) -> None:
    """Call a function in all processes, of which only the first one prints.

    Under torchrun, SLURM or the like every process calls this. Otherwise this process starts the
    others and waits for them; none is left at the end.

    Args:
        fabric: Knows the number of processes.
        function: Can be pickled, if processes are to be started.

    Raises:
        UserError: One of the processes raised it, or was killed.
    """
    if fabric.strategy.launcher is None:
        function(fabric)
        return
    # torch passes on only the text of another process's traceback, so the error is sent as well.
    errors, before = get_context("spawn").SimpleQueue(), active_children()
    port = os.environ.get("MASTER_PORT")
    try:
        fabric.launch(partial(_call, function=function, errors=errors))
    except ProcessException as error:
        if not errors.empty():
            raise errors.get() from None
        if isinstance(error, ProcessExitedException):
            raise UserError(
                f"Process {error.error_index} of {fabric.world_size} was ended from outside "
                f"({error.signal_name or f'exit code {error.exit_code}'}), maybe for want of "
                "memory, and the others were stopped: the same command with --resume goes on from "
                "the last checkpoint."
            ) from None
        raise
    except KeyboardInterrupt:
        for process in set(active_children()) - set(before):
            process.terminate()
        raise
    finally:
        if port is None:
            os.environ.pop("MASTER_PORT", None)


def _call(fabric: Fabric, function: Callable[[Fabric], None], errors: Any) -> None:
    console.quiet = not fabric.is_global_zero
    # torch sends SIGINT when the parent process dies; shells ignore it for background processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        function(fabric)
    except (UserError, OSError) as error:
        errors.put(error)
        raise
    finally:
        dist.destroy_process_group()  # otherwise its threads may abort the process


def check_batch(batch_size: int, processes: int) -> None:
    """Refuse a batch that cannot be divided evenly among the processes.

    Raises:
        UserError: The batch size is no multiple of the number of processes.
    """
    if batch_size % processes:
        nearest = max(1, round(batch_size / processes)) * processes
        raise UserError(
            f"The batch size {batch_size} cannot be divided evenly among {processes} "
            f"processes: set batch_size to {nearest}, or another multiple."
        )


def shard(fabric: Fabric, batch: Rows) -> Rows:
    """Return this process's shard of a batch; in the order of ranks the shards are the batch."""
    size = len(batch) // fabric.world_size
    return batch[fabric.global_rank * size : (fabric.global_rank + 1) * size]


class _AllGather(torch.autograd.Function):
    """Gathers; as every process computes the same loss, each keeps the gradient of its shard."""

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


def gather(z: Outputs) -> Outputs:
    """Return the embeddings, or other outputs, of the whole batch, in the order of the ranks.

    Every process computes the loss of the whole batch from them. Its gradient is that of a single
    process: each process gets the gradient of its shard, multiplied by the number of processes,
    because DistributedDataParallel averages the gradients of the weights instead of adding them.

    Args:
        z: Outputs of this process, shape (n, ...), with n the same in all processes. Returned
            as they are if there is only one process.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return z
    result: Outputs = _AllGather.apply(z)  # type: ignore[no-untyped-call]
    return result


def synchronise_batchnorm(module: nn.Module, fabric: Fabric) -> None:
    """Let BatchNorm layers of a module take their statistics over the whole batch, on GPUs.

    torch has no such layer for CPUs, where each process normalises its shard on its own.
    """
    if fabric.world_size == 1 or not any(isinstance(part, _BatchNorm) for part in module.modules()):
        return
    if fabric.device.type == "cuda":
        # torch's function would drop the activation inside timm's layers.
        convert = (
            require("timm.layers", extra="timm").convert_sync_batchnorm
            if "timm" in sys.modules
            else nn.SyncBatchNorm.convert_sync_batchnorm
        )
        convert(module)
        return
    console.say(
        "WARNING: BatchNorm cannot be synchronised on a CPU: each process takes its statistics "
        "from its shard of the batch, so results differ from those of a single process."
    )
