"""What the scoring of another tool's predictions is asked for, as part of a study."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class PredictionsRequest(Request):
    """Score a file of another tool's predictions on the validation and test images.

    Attributes:
        dataset: Folder made by `twinlens import`.
        out: Folder to make.
        file: CSV or parquet file: a column ``id`` as in the data set, and ``p_<class>`` for each
            class. Every test image comes once; validation images all or none; others are ignored.
        split: Name of the split; needed if there are several.
        classes: Score these classes only; null for all.
        label_fraction: Share of the labels that the model was trained with, as its owner states.
        seed: Number of the model.
        test_access: Test access log to add to; default: one in `out`.
    """

    COMMAND: ClassVar = "compare"  # a study is the only place for such predictions

    dataset: Path | str
    out: Path | str
    _: KW_ONLY
    file: str
    split: str | None = None
    classes: tuple[str, ...] | None = None
    label_fraction: float = 1.0
    seed: int = 0
    test_access: Path | None = None
