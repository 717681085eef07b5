"""What `twinlens evaluate` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class EvaluateRequest(Request):
    """Evaluate a model on a part of a data set, with test-time augmentation.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/.
        dataset: Folder made by `twinlens import`; its classes are the model's, or some of them.
        split: Part of the split, such as test; NAME:test if there are several splits.
        tta: Views that test-time augmentation averages; default: the model's.
        out: Folder to make, for metrics.json and predictions.parquet.
        device: auto, cpu, cuda or mps.
        overwrite: Replace what `out` holds.
    """

    COMMAND: ClassVar = "evaluate"
    POSITIONAL: ClassVar = ("model", "dataset")

    model: Path | str
    dataset: Path | str
    _: KW_ONLY
    split: str = "test"
    tta: int | None = None
    out: Path | str | None = None
    device: str = "auto"
    overwrite: bool = False
