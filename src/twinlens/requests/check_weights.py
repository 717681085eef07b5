"""What `twinlens weights check` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class CheckWeightsRequest(Request):
    """Show what a weight file holds, and whether it fits an encoder; exit code 1 if not.

    Attributes:
        weights: A weight file, a name (twinlens weights list), or pretrained (those of `encoder`);
            downloaded if it is missing.
        encoder: The network that it is for, such as resnet50; default: that of published weights.
        picture: PNG file to draw the filters of the first convolution in.
        overwrite: Replace `picture`.
    """

    COMMAND: ClassVar = "weights check"
    POSITIONAL: ClassVar = ("weights",)

    weights: Path | str
    _: KW_ONLY
    encoder: str | None = None
    picture: Path | None = None
    overwrite: bool = False
