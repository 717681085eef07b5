"""What `twinlens pretrain` is asked for."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class PretrainRequest(Request):
    """Pretrain an encoder on images without their labels.

    Attributes:
        dataset: Folder made by `twinlens import`.
        out: Folder to make.
        encoder: Such as resnet18, timm/NAME or hf-hub:OWNER/NAME.
        weights: random, pretrained (those that timm or the hub publishes for the encoder), a name
            (twinlens weights list), or a .safetensors or .pth file.
        method: Self-supervised method.
        images: unlabelled (training and unlabelled images), train, or all, which is transductive.
        preset: recommended, paper or paper-code.
        settings: Settings that differ from the preset.
        epochs: Epochs of one-cycle training.
        batch_size: Images per step; each gives two or more views.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        precision: fp32, bf16 or auto (bf16 where the processor has it).
        split: Name of the split; needed if there are several.
        seed: Everything random derives from it.
        device: auto, cpu, cuda or mps.
        devices: Devices of each machine, with a process each.
        nodes: Machines, each started by torchrun or SLURM.
        loggers: tensorboard, mlflow or wandb, beside CSV files.
        overwrite: Replace what `out` holds.
        resume: Resume an interrupted attempt.
    """

    COMMAND: ClassVar = "pretrain"
    POSITIONAL: ClassVar = ("dataset",)
    OPTIONS: ClassVar = {"loggers": "logger"}
    FLAGS: ClassVar = ("method", "epochs", "batch_size", "lr", "precision")

    dataset: Path | str
    out: Path | str
    _: KW_ONLY
    encoder: str = "resnet50"
    weights: str = "random"
    method: str | None = None
    images: str = "unlabelled"
    preset: str = "recommended"
    settings: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | str | None = None
    precision: str | None = None
    split: str | None = None
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    loggers: tuple[str, ...] = ()
    overwrite: bool = False
    resume: bool = False
