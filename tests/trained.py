"""A quick training of few steps, for the tests of what a training does and leaves."""

from pathlib import Path
from typing import Any

from twinlens.finetuning.train import train

SMALL = {"epochs": 2, "batch_size": 16, "lr": 1e-3, "precision": "fp32"}
MLP = {"head": "mlp", "class_balance": "sampler", "tuning": "full", "epochs": 1}


def train_small(
    data: Path, out: Path, *, settings: dict[str, Any] | None = None, **options: Any
) -> Path:
    """Train a ResNet-18 for two epochs, unless settings and options say otherwise."""
    common = {"encoder": "resnet18_quarter", "device": "cpu", "seed": 3}
    return train(data, out, settings=SMALL | (settings or {}), **common | options)
