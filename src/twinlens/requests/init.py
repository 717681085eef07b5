"""What `twinlens init` is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class InitRequest(Request):
    """Write a study file for a data set, with a comment on each choice.

    Attributes:
        dataset: Folder made by `twinlens import`.
        out: Study file to write.
        split: Name of the split; needed if there are several.
        overwrite: Replace the file.
    """

    COMMAND: ClassVar = "init"
    POSITIONAL: ClassVar = ("dataset",)

    dataset: Path | str
    out: Path | str = Path("study.yaml")
    split: str | None = None
    overwrite: bool = False
