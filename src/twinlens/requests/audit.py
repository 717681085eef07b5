"""What `twinlens audit` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class AuditRequest(Request):
    """Find copies, leaks, suspected label errors and poor images, before training.

    Attributes:
        dataset: Folder made by `twinlens import`.
        splits: Split to audit; default: every one. Repeatable.
        pretrained: Pretraining run: has it seen test images? Its encoder finds similar images.
            Repeatable.
        encoder: Encoder to find similar images with instead, such as resnet18 or timm/NAME.
        weights: Its weights: a name (twinlens weights list), or a .safetensors or .pth file.
        fix: Write a split that does not leak for each that does.
        device: auto, cpu, cuda or mps.
    """

    COMMAND: ClassVar = "audit"
    POSITIONAL: ClassVar = ("dataset",)
    OPTIONS: ClassVar = {"splits": "split"}

    dataset: Path | str
    _: KW_ONLY
    splits: tuple[str, ...] = ()
    pretrained: tuple[Path | str, ...] = ()
    encoder: str | None = None
    weights: str = "random"
    fix: bool = False
    device: str = "auto"
