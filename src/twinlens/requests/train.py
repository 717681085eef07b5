"""What `twinlens train` is asked for."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class TrainRequest(Request):
    """Train a classifier on labelled images, then evaluate it on validation and test images.

    Attributes:
        dataset: Folder made by `twinlens import`.
        out: Folder to make.
        encoder: Such as resnet18, timm/NAME or hf-hub:OWNER/NAME; default: the pretraining's, that
            of the weights, or resnet50.
        weights: random, pretrained (those that timm or the hub publishes for the encoder), a name
            (twinlens weights list), or a .safetensors or .pth file.
        pretrained: Folder made by `twinlens pretrain`, instead of `weights`.
        preset: recommended, paper or paper-code.
        settings: Settings that differ from the preset.
        tuning: head_then_full, full or linear_probe.
        epochs: Epochs of one-cycle training.
        batch_size: Images per step.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        tta: Views that test-time augmentation averages; 1 for none.
        precision: fp32, bf16 or auto (bf16 where the processor has it).
        split: Name of the split; needed if there are several.
        label_fraction: Share of the labelled training images to use, in (0, 1].
        seed: Everything random derives from it.
        device: auto, cpu, cuda or mps.
        loggers: tensorboard, mlflow or wandb, beside CSV files.
        test_access: Test access log to add to; default: one in `out`.
        overwrite: Replace what `out` holds.
        resume: Resume an interrupted attempt.
    """

    COMMAND: ClassVar = "train"
    POSITIONAL: ClassVar = ("dataset",)
    OPTIONS: ClassVar = {"loggers": "logger"}
    FLAGS: ClassVar = ("tuning", "epochs", "batch_size", "lr", "tta", "precision")
    HANDLING: ClassVar = (*Request.HANDLING, "test_access")

    dataset: Path | str
    out: Path | str
    _: KW_ONLY
    encoder: str | None = None
    weights: str = "random"
    pretrained: Path | str | None = None
    preset: str = "recommended"
    settings: Mapping[str, Any] = field(default_factory=dict)
    tuning: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | str | None = None
    tta: int | None = None
    precision: str | None = None
    split: str | None = None
    label_fraction: float = 1.0
    seed: int = 0
    device: str = "auto"
    loggers: tuple[str, ...] = ()
    test_access: Path | None = None
    overwrite: bool = False
    resume: bool = False
