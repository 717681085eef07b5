"""The description of the machine that stands in every result."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine(*packages: str) -> dict[str, Any]:
    """Return processor, cores, memory, and the versions of Python and of some packages."""
    kib = next(
        int(line.split()[1])
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(kib / 2**20),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
