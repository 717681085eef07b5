"""Processor time of a training step by self-supervised method, relative to Barlow Twins.

From the root of the repository:

    python benchmarks/methods_cost.py [SIZE] [ENCODER]

Takes steps of 64 synthetic images (64 pixels) with a ResNet-18 on one thread: views, forward and
backward pass, optimiser and teacher, with each method's default settings. The methods take turns,
and the median of five rounds counts. Writes results/methods_cost.json; four minutes.
"""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import machine

from twinlens.engine.loop import adamw
from twinlens.files import write_json
from twinlens.models.encoders import build_encoder
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.views.view import planned_views

BATCH, ROUNDS = 64, 5


def make_step(method, encoder, images, size):
    """Return a function that trains a method's network on one batch."""
    config = configure("recommended", {"method": method}, where="")
    network = METHODS[method].network(build_encoder(encoder, 0), config, 0)
    network.prepare(np.arange(BATCH), 0)
    plan, optimizer = METHODS[method].views(config, size), adamw(network, weight_decay=0.01)
    rows = np.arange(BATCH)

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
    size, encoder = int((sys.argv[1:2] or [64])[0]), (sys.argv[2:3] or ["resnet18"])[0]
    torch.set_num_threads(1)
    pixels = np.stack([phantom_image(0, lesion, 0, size=size) for lesion in range(BATCH)])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    names = [name for name in METHODS if name != "mae" or encoder.startswith("timm/vit")]
    steps = {name: make_step(name, encoder, images, size) for name in names}
    seconds = {name: [] for name in names}
    for number in range(ROUNDS + 1):
        for name, step in steps.items():
            began = time.process_time()
            step(number)
            seconds[name] += [time.process_time() - began] if number else []
    found = {name: median(values) for name, values in seconds.items()}
    write_json(
        Path(__file__).parent / "results" / "methods_cost.json",
        {
            "command": f"python benchmarks/methods_cost.py {size} {encoder}",
            "machine": machine(),
            "ms_per_image": {name: round(1000 * s / BATCH, 2) for name, s in found.items()},
            "relative": {name: round(s / found["barlow_twins"], 2) for name, s in found.items()},
        },
    )


if __name__ == "__main__":
    main()
