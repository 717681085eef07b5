"""Several processes that train one network together, each on its share of every batch."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn

from twinlens import console
from twinlens.errors import UserError
from twinlens.types import Embeddings, Rows


def launch(fabric: Fabric) -> None:
    """Start the other processes, where there are any; only the first one speaks.

    The others run the same program from its beginning, as under torchrun.
    """
    fabric.launch()
    console.quiet = not fabric.is_global_zero


def check_batch(fabric: Fabric, batch_size: int) -> None:
    """Refuse a batch that cannot be shared out evenly.

    Raises:
        UserError: The batch size is no multiple of the number of processes.
    """
    if batch_size % fabric.world_size:
        nearest = max(1, round(batch_size / fabric.world_size)) * fabric.world_size
        raise UserError(
            f"The batch size {batch_size} cannot be shared out evenly among {fabric.world_size} "
            f"processes: set batch_size to {nearest}, or another multiple."
        )


def share(fabric: Fabric, batch: Rows) -> Rows:
    """Return this process' part of a batch; in the order of the ranks they are the batch."""
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


def joined(z: Embeddings) -> Embeddings:
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


def synchronise_batchnorm(module: nn.Module, fabric: Fabric) -> nn.Module:
    """Let BatchNorm take its statistics over the whole batch, where the processor can.

    On CPUs torch has no such layer: each process then normalises its share on its own.
    """
    if fabric.world_size == 1:
        return module
    if fabric.device.type == "cuda":
        convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
        return convert(module)
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules()):
        console.say(
            "WARNING: BatchNorm cannot be synchronised on this processor: each process takes its "
            "statistics from its own share of the batch, so results differ from one process'."
        )
    return module
