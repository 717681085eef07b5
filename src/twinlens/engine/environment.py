"""Machine, software and git commit of a run, as its record states them."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric

from twinlens import __file__ as package
from twinlens import __version__
from twinlens.engine.device import precision_of
from twinlens.records.run import Checkout, Environment


def describe_environment(fabric: Fabric) -> Environment:
    """Describe machine and software, as stored beside every result."""
    packages = ["torch", "lightning-fabric", "numpy", "pandas", "scikit-learn", "scipy"]
    packages += ["timm"] if "timm" in sys.modules else []
    source = Path(package).resolve()
    checkouts = [
        read_checkout(source.parent, "twinlens", tracked=source),
        read_checkout(Path.cwd(), "working directory"),
    ]
    return Environment(
        python=platform.python_version(),
        packages={"twinlens": __version__} | {name: version(name) for name in packages},
        platform=platform.platform(),
        processor=processor(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        device=_device(fabric.device),
        processes=fabric.world_size,
        precision=precision_of(fabric),
        checkouts=tuple(checkout for checkout in checkouts if checkout is not None),
    )


def read_checkout(
    folder: Path, of: Literal["twinlens", "working directory"], *, tracked: Path | None = None
) -> Checkout | None:
    """Return the git commit of a folder, and whether tracked files differ from it.

    Args:
        folder: Any folder of the checkout.
        of: What the folder is.
        tracked: A file that must belong to the checkout: a package that is installed below some
            other project's checkout does not.

    Returns:
        None outside of a checkout, before its first commit, or without git.
    """
    try:
        if tracked is not None:
            _git(folder, "ls-files", "--error-unmatch", str(tracked))
        commit = _git(folder, "rev-parse", "--verify", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return Checkout(of=of, commit=commit, dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return result.stdout.strip()


def processor() -> str:
    """Return the name of this machine's processor."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
