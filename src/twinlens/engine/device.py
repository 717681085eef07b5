"""The device and the precision of a run."""

import logging
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException

from twinlens.errors import UserError
from twinlens.types import Precision

# Fabric announces its precision at each start; runs record it.
logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

_DEVICES = ("auto", "cpu", "cuda", "mps")


def make_fabric(
    precision: Precision = "auto", device: str = "auto", *, devices: int = 1, nodes: int = 1
) -> Fabric:
    """Return the Fabric of a run, for one process on one device unless more are asked for.

    Args:
        precision: "fp32", "bf16" (autocast), or "auto": bf16 where the processor has it.
        device: "auto", "cpu", "cuda" or "mps".
        devices: Devices of each machine, with a process each.
        nodes: Machines; on each, torchrun or SLURM starts the processes.

    Raises:
        UserError: There is no such device here, or not so many; or nothing started the processes.
    """
    if devices < 1 or nodes < 1:
        raise UserError(f"--devices {devices} and --nodes {nodes} must both be 1 or more.")
    _check_started(devices, nodes)
    options: dict[str, Any] = {"accelerator": device, "devices": devices, "num_nodes": nodes}
    strategy = "ddp" if devices * nodes > 1 else "auto"
    try:
        fabric = Fabric(**options, strategy=strategy)
    except (ValueError, RuntimeError, MisconfigurationException) as error:  # not here
        if device not in _DEVICES:
            raise UserError(
                f"Unknown device '{device}': choose {', '.join(_DEVICES)}; a GPU is cuda, or mps "
                "on Apple's machines."
            ) from error
        count = f" {devices} times" if devices > 1 else ""
        raise UserError(
            f"The device '{device}' cannot be used here{count}, as 'twinlens doctor' shows: "
            + ("choose fewer --devices." if devices > 1 else "choose auto or cpu.")
        ) from error
    if isinstance(fabric.strategy, DDPStrategy):
        cluster = fabric.strategy.cluster_environment
        started = cluster is not None and cluster.creates_processes_externally
        strategy = "ddp" if started else "ddp_spawn"
    resolved = resolve_precision(precision, fabric.device)
    return Fabric(
        **options,
        strategy=strategy,
        precision="bf16-mixed" if resolved == "bf16" else "32-true",
    )


def _check_started(devices: int, nodes: int) -> None:
    """Refuse to train with fewer or more processes than torchrun or srun started."""
    wanted = devices * nodes
    if TorchElasticEnvironment.detect():
        started = TorchElasticEnvironment().world_size()
    elif wanted > 1 and SLURMEnvironment.detect():
        started = SLURMEnvironment().world_size()
    elif nodes > 1:
        raise UserError(
            f"--nodes {nodes} would wait for machines that nobody starts: run the command by "
            "torchrun or srun on each of them, as docs/pretraining.md shows."
        )
    else:
        return
    if started != wanted:
        raise UserError(
            f"The number of processes that were started, {started}, is not that of --devices "
            f"{devices} and --nodes {nodes}, {wanted}: let them agree."
        )


def resolve_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """Return the precision that "auto" stands for on this device."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "fp32"


def precision_of(fabric: Fabric) -> Literal["fp32", "bf16"]:
    """Return the precision that Fabric computes in."""
    return "bf16" if fabric.strategy.precision.precision == "bf16-mixed" else "fp32"
