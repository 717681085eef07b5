"""What `twinlens doctor` is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class DoctorRequest(Request):
    """Check the machine, the installation and the weights, or what a folder holds.

    Attributes:
        path: Folder of a data set, run, study, search or model; default: check the machine.
    """

    COMMAND: ClassVar = "doctor"
    POSITIONAL: ClassVar = ("path",)

    path: Path | None = None
