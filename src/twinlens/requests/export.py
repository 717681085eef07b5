"""What `twinlens export` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ExportRequest(Request):
    """Write a model as one file that runs without Twinlens, checked against it.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/.
        out: The file, FILE.onnx or FILE.pt2.
        format: onnx, or torch: a program of torch.export (.pt2).
        int8: Data set whose training images calibrate a quantisation to 8 bits (onnx). It is kept
            only if it is faster on this machine and decides as before on images of the data set.
        split: Split of that data set, if it has several.
        overwrite: Replace `out`.
    """

    COMMAND: ClassVar = "export"
    POSITIONAL: ClassVar = ("model",)

    model: Path | str
    out: Path | str
    _: KW_ONLY
    format: Literal["onnx", "torch"] = "onnx"
    int8: Path | str | None = None
    split: str | None = None
    overwrite: bool = False
