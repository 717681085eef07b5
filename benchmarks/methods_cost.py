"""Processor time of a training step by self-supervised method, relative to Barlow Twins.

From the root of the repository:

    python benchmarks/methods_cost.py [ROUNDS]

Takes steps of 64 synthetic images of 64 pixels with a ResNet-18 on one thread: views, forward and
backward pass, optimiser and teacher, with each method's default settings. MAE needs a vision
transformer and is compared with Barlow Twins on the same one. All take turns, and the median of the
rounds counts. Writes results/methods_cost.json.
"""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import machine

from twinlens.engine.optimiser import adamw
from twinlens.files import write_json
from twinlens.models.encoders import build_encoder
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.views.view import planned_views

BATCH, SIZE, RESNET, VIT = 64, 64, "resnet18", "timm/vit_tiny_patch16_224"


def make_step(method, encoder, images):
    """Return a function that trains a method's network on one batch."""
    config = configure("recommended", {"method": method}, where="")
    network = METHODS[method].network(build_encoder(encoder, 0), config, 0)
    rows = np.arange(BATCH)
    network.prepare(rows, rows, 0)
    plan, optimizer = METHODS[method].views(config, SIZE), adamw(network, weight_decay=0.01)

    def step(number):
        views = planned_views(images, rows, plan=plan, seed=0, step=number)
        network.at_step(rows, seed=0, step=number)
        loss, _ = METHODS[method].loss(*network.complete(network(*views), rows), config)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        network.after_step(0.0)

    return step


def main() -> None:
    rounds = int((sys.argv[1:2] or [5])[0])
    torch.set_num_threads(1)
    pixels = np.stack([phantom_image(0, lesion, 0, size=SIZE) for lesion in range(BATCH)])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    pairs = [(name, VIT if name == "mae" else RESNET) for name in METHODS] + [("barlow_twins", VIT)]
    steps = {pair: make_step(*pair, images) for pair in pairs}
    seconds = {pair: [] for pair in pairs}
    for number in range(rounds + 1):
        for pair, step in steps.items():
            began = time.process_time()
            step(number)
            seconds[pair] += [time.process_time() - began] if number else []
    found = {pair: median(values) for pair, values in seconds.items()}
    write_json(
        Path(__file__).parent / "results" / "methods_cost.json",
        {
            "command": f"python benchmarks/methods_cost.py {rounds}",
            "machine": machine("torch"),
            "methods": [
                {
                    "method": name,
                    "encoder": encoder,
                    "ms_per_image": round(1000 * s / BATCH, 2),
                    "relative": round(s / found["barlow_twins", encoder], 2),
                }
                for (name, encoder), s in found.items()
            ],
        },
    )


if __name__ == "__main__":
    main()
