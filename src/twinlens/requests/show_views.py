"""What `twinlens show-views` is asked for."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ShowViewsRequest(Request):
    """Draw some images and the views that a pretraining would see of each.

    Attributes:
        dataset: Folder made by `twinlens import`.
        out: PNG file to write.
        images: unlabelled (training and unlabelled images), train, or all.
        preset: recommended, paper or paper-code.
        settings: Settings of the pretraining that differ from the preset.
        method: Self-supervised method.
        split: Name of the split; needed if there are several.
        seed: The seed of the pretraining.
        count: Number of images, or all if there are fewer.
        overwrite: Replace `out`.
    """

    COMMAND: ClassVar = "show-views"
    POSITIONAL: ClassVar = ("dataset", "out")
    FLAGS: ClassVar = ("method",)

    dataset: Path | str
    out: Path | str
    _: KW_ONLY
    images: str = "unlabelled"
    preset: str = "recommended"
    settings: Mapping[str, Any] = field(default_factory=dict)
    method: str | None = None
    split: str | None = None
    seed: int = 0
    count: int = 8
    overwrite: bool = False
