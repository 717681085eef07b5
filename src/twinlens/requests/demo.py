"""What `twinlens demo` is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class DemoRequest(Request):
    """Run a complete study on synthetic images: minutes on two cores.

    Attributes:
        out: Folder to make, for the data set and the study; finished runs in it are kept.
        overwrite: Start the study again.
    """

    COMMAND: ClassVar = "demo"

    out: Path | str = Path("demo")
    overwrite: bool = False
