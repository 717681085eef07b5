"""What `twinlens report` is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ReportRequest(Request):
    """Write the report of a study, pretraining or evaluation again, from its stored files alone.

    Attributes:
        folder: Folder that `twinlens compare`, `pretrain` or `evaluate` has written.
    """

    COMMAND: ClassVar = "report"
    POSITIONAL: ClassVar = ("folder",)

    folder: Path | str
