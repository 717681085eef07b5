"""Time and memory of a pretraining step, by what is trained of a vision transformer.

From the root of the repository:

    python benchmarks/trainable.py [ENCODER] [SIZE]

Takes steps of 4 images of noise with SimCLR and a ViT-S/16 on one thread: forward and backward
pass of both views, and the optimiser. The choices take turns; the median of three rounds counts.
Memory is that of gradients and of the optimiser's two moments, in fp32. Writes
results/trainable.json; two minutes.
"""

import sys
import time
from pathlib import Path
from statistics import median

import torch
from machine import machine

from twinlens.engine.optimiser import adamw
from twinlens.files import write_json
from twinlens.models.encoders import build_encoder
from twinlens.models.trainable import choose_trainable
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS

BATCH, ROUNDS = 4, 3
CHOICES = ("all", "last", "norm", "lora")


def make_step(which, name, images):
    """Return a function that trains on one batch, and the number of the encoder's parameters."""
    config = configure("recommended", {"method": "simclr", "projector": [64]}, where="")
    encoder = build_encoder(name, 0)
    choose_trainable(encoder, which, seed=0)
    trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    network = METHODS["simclr"].network(encoder, config, 0)
    optimizer = adamw(network, weight_decay=0.01)

    def step():
        loss, _ = METHODS["simclr"].loss(*network(*images), config)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step, trained


def main() -> None:
    name = (sys.argv[1:2] or ["timm/vit_small_patch16_224"])[0]
    size = int((sys.argv[2:] or [96])[0])
    torch.set_num_threads(1)
    images = torch.rand(2, BATCH, 3, size, size, generator=torch.Generator().manual_seed(0))
    steps = {which: make_step(which, name, images) for which in CHOICES}
    seconds = {which: [] for which in CHOICES}
    for number in range(ROUNDS + 1):
        for which, (step, _) in steps.items():
            began = time.process_time()
            step()
            seconds[which] += [time.process_time() - began] if number else []
    write_json(
        Path(__file__).parent / "results" / "trainable.json",
        {
            "command": f"python benchmarks/trainable.py {name} {size}",
            "machine": machine(),
            "parameters": {which: trained for which, (_, trained) in steps.items()},
            "gradients_and_moments_mb": {
                which: round(12 * trained / 1e6, 1) for which, (_, trained) in steps.items()
            },
            "ms_per_image": {w: round(1000 * median(s) / BATCH, 1) for w, s in seconds.items()},
        },
    )


if __name__ == "__main__":
    main()
