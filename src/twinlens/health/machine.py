"""Checks of the machine: processor, memory, accelerator and disk."""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from twinlens.engine.device import resolve_precision
from twinlens.health.finding import Finding, note, ok
from twinlens.models.download import cache_folder

LITTLE_DISK = 5 * 10**9
"""Bytes below which the free disk is worth a note: a pack of 100,000 images of 128 pixels."""

LITTLE_MEMORY = 4 * 2**30
"""Bytes below which the memory is worth a note: a ResNet-50 in training with small batches."""


def check_machine() -> Iterator[Finding]:
    """Check processor, memory, accelerators, and the disks of this folder and of the weights."""
    precision = resolve_precision("auto", torch.device("cpu"))
    yield ok(
        "Processor",
        f"{platform.machine()}, {os.cpu_count()} cores, precision {precision}, "
        f"torch uses {torch.get_num_threads()} threads.",
    )
    yield _memory()
    yield from _accelerators()
    for folder in dict.fromkeys((Path.cwd(), _existing(cache_folder()))):
        yield check_disk(folder)


def check_disk(folder: Path) -> Finding:
    """Check how much of a folder's disk is free, and whether the folder can be written to."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free."
    if not os.access(folder, os.W_OK):
        return note(f"Disk of {folder}", "cannot be written to.", "Name another --out.")
    if free < LITTLE_DISK:
        return note(f"Disk of {folder}", text, "Make room before a study.")
    return ok(f"Disk of {folder}", text)


def _memory() -> Finding:
    if not hasattr(os, "sysconf"):
        return note("Memory", "unknown on this system.")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = f"{total / 2**30:.1f} GiB."
    little = total < LITTLE_MEMORY
    return note("Memory", text, "Choose small batches.") if little else ok("Memory", text)


def _accelerators() -> Iterator[Finding]:
    for number in range(torch.cuda.device_count()):
        device = torch.device("cuda", number)
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        precision = resolve_precision("auto", device)
        name = torch.cuda.get_device_name(device)
        yield ok(f"GPU {number}", f"{name}, {memory:.0f} GiB, precision {precision}.")
    if torch.backends.mps.is_available():
        yield ok("MPS", "available.")
    elif not torch.cuda.is_available():
        if torch.version.cuda is None and shutil.which("nvidia-smi"):
            yield note(
                "GPU",
                "this machine has an NVIDIA driver, but torch is a build for the CPU.",
                "Install the CUDA build of torch.",
            )
        else:
            yield note("GPU", "none; trainings run on the processor.")


def _existing(folder: Path) -> Path:
    """Return a folder, or the closest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
