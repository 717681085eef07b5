"""What `twinlens predict` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from twinlens.requests.base import Request


@dataclass(frozen=True)
class PredictRequest(Request):
    """Predict the classes of images.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/; or hf-hub:OWNER/NAME.
        images: Image files, folders of them, patterns such as "photos/*.jpg", tables (CSV, TSV,
            Excel, JSON Lines) with a column image, file_name or file, relative to the table, or
            data sets made by `twinlens import`. Also at https://, s3://, gs:// and the like.
        group: Column of the tables or data sets with the lesion or patient of each image, which
            the predictions then have too.
        tta: Views of test-time augmentation; 1 is the image alone; default: the model's own.
        raw: Leave out the model's temperature, which calibrates the probabilities.
        embeddings: Add the features of the image, in the columns e_0, e_1, ...
        sets_by_class: Prediction sets whose coverage holds within each class, and not over all
            images only.
        batch_size: Images that the network takes at a time, at most.
        workers: Threads that decode ahead of the network; default: one per core.
        precision: fp32, bf16 or auto (bf16 where the processor has it).
        device: auto, cpu, cuda or mps.
    """

    COMMAND: ClassVar = "predict"
    POSITIONAL: ClassVar = ("model", "images")

    model: Path | str
    images: Path | str | tuple[Path | str, ...]
    _: KW_ONLY
    group: str | None = None
    tta: int | None = None
    raw: bool = False
    embeddings: bool = False
    sets_by_class: bool = False
    batch_size: int = 64
    workers: int | None = None
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    device: str = "auto"
