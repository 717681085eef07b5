"""What chooses itself from the machine, told before a study starts."""

import math

import torch
from lightning_fabric import Fabric

from twinlens.data.batches import memory_limit
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, unlabelled_rows
from twinlens.engine.device import precision_of, resolve_precision

_MIB = 2**20


def describe_choices(fabric: Fabric, data: Dataset, split: Split, workers: int) -> str:
    """Return a sentence about threads, precision, memory format and where images are held.

    Args:
        fabric: Device and precision of the runs.
        data: The images.
        split: Its training and unlabelled images are those that are held.
        workers: Processes that share the cores of a CPU.
    """
    chosen = [_processors(fabric, workers), _precision(fabric), "channels-last"]
    size = len({*split.rows["train"], *unlabelled_rows(split)}) * math.prod(data.images.shape[1:])
    held = size <= memory_limit(fabric.device)
    images = f"images held in its memory ({size / _MIB:.0f} MiB)"
    chosen.append(images if held else "images read a step ahead")
    return f"Chosen for this machine: {', '.join(chosen)}."


def _processors(fabric: Fabric, workers: int) -> str:
    several = f"{workers} workers" if workers > 1 else "1 worker"
    if fabric.device.type != "cpu":
        return several
    threads = max(1, torch.get_num_threads() // workers)
    return f"{several} of {threads} thread{'s' if threads > 1 else ''}"


def _precision(fabric: Fabric) -> str:
    chosen, able = precision_of(fabric), resolve_precision("auto", fabric.device)
    if chosen == able:
        return "bf16" if able == "bf16" else "fp32, as it has no bf16"
    return f"{chosen}, as the study says"
