"""What `twinlens explain` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ExplainRequest(Request):
    """Show where a model sees the predicted class of images, and the nearest training images.

    Attributes:
        model: Folder of a model: a run, its model/, or a study's best/.
        dataset: The data set that it was trained on.
        images: Image files, or folders of them, and what else `twinlens predict` takes.
        out: Folder to make, for the page and examples.json.
        split: Name of the split that it was trained on; default: the only one.
        device: auto, cpu, cuda or mps.
        overwrite: Replace what `out` holds.
    """

    COMMAND: ClassVar = "explain"
    POSITIONAL: ClassVar = ("model", "dataset", "images")

    model: Path | str
    dataset: Path | str
    images: Path | str | tuple[Path | str, ...]
    out: Path | str
    _: KW_ONLY
    split: str | None = None
    device: str = "auto"
    overwrite: bool = False
