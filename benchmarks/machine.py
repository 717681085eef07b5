"""The description of the machine that stands in every result."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from twinlens.engine.device import resolve_precision
from twinlens.engine.environment import processor


def machine(*packages: str) -> dict[str, Any]:
    """Return processor, cores, memory, and the versions of Python and of some packages.

    The instructions are the widest that torch uses.
    """
    kib = next(
        int(line.split()[1])
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    return {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16": resolve_precision("auto", torch.device("cpu")) == "bf16",
        "cores": os.cpu_count(),
        "memory_gib": round(kib / 2**20),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
