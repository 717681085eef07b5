"""How often a short pretraining or training in bf16 meets a loss or gradient that is not finite.

From the root of the repository:

    OMP_NUM_THREADS=1 python benchmarks/nonfinite.py 10000 --minutes 60

Each run has its own seed: every method in turn that a small convolutional network can have, and
full training from labels, on 32 of 64 synthetic images of 16 pixels, for 4 steps under bf16
autocast with the method's own settings but a small projector; every 25th run with a quarter-width
ResNet-18, the others with a network of two layers: a seventh of a second each on one core. A step
that is not finite ends its run, is counted and kept for replay in runs/nonfinite. Resumes where it
stopped, and writes results/nonfinite.json: where no run of n has failed, the 95% upper bound on the
rate is 3 / n (the rule of three).
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from machine import machine
from torch import nn

from twinlens import console
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import Split, open_split
from twinlens.engine import loop
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.finetuning.job import Job as TrainJob
from twinlens.finetuning.phases import fit
from twinlens.importing.import_images import import_images
from twinlens.models.encoders import ENCODERS, EncoderSpec, build_encoder
from twinlens.pretraining.job import Job
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.phases import run_phases
from twinlens.settings.finetuning import configure_training

OUT = Path(__file__).parent / "results" / "nonfinite.json"
KEPT = Path("runs/nonfinite")
STEPS, BATCH, SIZE, IMAGES, EVERY = 4, 32, 16, 64, 25
KINDS = (*(name for name in METHODS if name != "mae"), "train")
CHANGES: dict[str, Any] = {"batch_size": BATCH, "epochs": STEPS * BATCH // IMAGES, "lr": 1e-2}
"""For each training; a step is a batch of 32 images."""


def main() -> None:
    """Go on where the stored result stopped, until so many runs are done or the time is over."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("runs", type=int, nargs="?", default=10_000)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--out", type=Path, default=OUT)
    given = arguments.parse_args()
    console.quiet = True
    ENCODERS["tiny"] = EncoderSpec(_tiny, feature_dim=8)
    loop.save_checkpoint = lambda *_: None  # type: ignore[assignment]
    before = read_json(given.out) if given.out.exists() else {}
    done, seconds = before.get("runs", 0), before.get("seconds", 0.0)
    counts, failed = Counter(before.get("runs_by_kind", {})), before.get("failed", [])
    began = saved = time.monotonic()
    with TemporaryDirectory() as name:
        data = import_images(f"phantom:{IMAGES}", Path(name) / "data", size=SIZE, workers=1)
        data, split = open_dataset(data.path), open_split(data)
        while done < given.runs and time.monotonic() < began + 60 * given.minutes:
            kind, encoder = KINDS[done % len(KINDS)], "tiny" if done % EVERY else "resnet18_quarter"
            try:
                _run(kind, encoder, done, data, split)
            except UserError as error:
                failed.append({"seed": done, "kind": kind, "encoder": encoder, "error": str(error)})
            counts[kind] += 1
            done += 1
            if time.monotonic() > saved + 30:
                saved = time.monotonic()
                _write(given.out, done, counts, failed, seconds + saved - began)
        _write(given.out, done, counts, failed, seconds + time.monotonic() - began)


def _run(kind: str, encoder: str, seed: int, data: Dataset, split: Split) -> None:
    network, rows = build_encoder(encoder, seed), np.arange(IMAGES)
    fabric, work = make_fabric("bf16", "cpu"), KEPT / f"{kind}-{seed}"
    if kind == "train":
        config = configure_training("recommended", CHANGES | {"head_epochs": 0})
        how = {"unlabelled": rows[:0], "labelled": IMAGES, "config": config, "fabric": fabric}
        fit(network, TrainJob(data, rows, data.labels, **how, folder=work, seed=seed))
    else:
        changes = CHANGES | {"method": kind, "projector_epochs": 0, "monitor_points": 0}
        changes["projector"] = (32, 32)
        settings = configure("recommended", changes, where="Settings")
        run_phases(Job(network, data, split, rows, settings, fabric, work, seed))


def _tiny() -> nn.Module:
    layers = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, nn.Flatten())


def _write(
    out: Path, done: int, counts: Counter[str], failed: list[dict[str, Any]], seconds: float
) -> None:
    content = {
        "runs": done,
        "steps": done * STEPS,
        "runs_by_kind": dict(counts),
        "failed": failed,
        "upper_bound_95": 3 / done if not failed else None,
        "bf16_in_hardware": torch.cpu._is_avx512_bf16_supported(),
        "seconds": round(seconds, 1),
    }
    write_json(out, content | {"machine": machine("twinlens", "torch")})


if __name__ == "__main__":
    main()
