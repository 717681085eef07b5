"""What `twinlens predict` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class PredictRequest(Request):
    """Predict the classes of image files, with the model's own test-time augmentation.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/.
        images: Image files, or folders of them.
        raw: Leave out the model's temperature, which calibrates the probabilities.
        device: auto, cpu, cuda or mps.
    """

    COMMAND: ClassVar = "predict"
    POSITIONAL: ClassVar = ("model", "images")

    model: Path | str
    images: Path | str | tuple[Path | str, ...]
    _: KW_ONLY
    raw: bool = False
    device: str = "auto"
