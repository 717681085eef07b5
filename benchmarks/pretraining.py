"""Pretraining with Barlow Twins from stored images: ours, the limit, and what others do.

From the root of the repository, in the second environment (make peers):

    PYTHONPATH=src:tests/peers .venv-peers/bin/python benchmarks/pretraining.py \
        NETWORK SIZE BATCH STEPS [ROUNDS] [--bf16]

An epoch of STEPS batches with the same network and projector, in fp32 or, where the processor has
it, all of them in bf16 (autocast, as each has it), in one process with one thread; processor time
counts. Ours is the whole call of `twinlens.pretrain` on a packed data set, without the monitor's
evaluations, for one epoch and for four: their difference is what each further epoch takes, and what
is compared; the rest, evaluations and pictures before and after, is stated as seconds. The others
train on the same images as a folder of JPEG files, in the recipe of their documentation
(pretraining_peers.py). The limit is the forward and backward pass and the optimiser's step on views
that lie ready. Writes results/pretraining-NETWORK-SIZE.json, or ...-bf16.json.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import torch
from in_turns import compared, rates, write_rows
from PIL import Image
from pretraining_peers import WIDTHS, lightly, self_supervised, stable_pretraining

import twinlens
from twinlens.engine.optimiser import adamw
from twinlens.models.encoders import build_encoder
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.methods.barlow_twins import barlow_twins
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.settings.pretraining import Pretraining


def limit(work):
    torch.manual_seed(0)
    settings = Pretraining(method="barlow_twins", projector=WIDTHS)
    network = SiameseNetwork(build_encoder(work.network, 0), settings, 0)
    network.to(memory_format=torch.channels_last).train()
    views = [
        torch.randn(work.batch, 3, work.size, work.size).to(memory_format=torch.channels_last)
        for _ in range(2)
    ]
    optimiser = adamw(network, weight_decay=0.01)

    def task():
        for _ in range(work.steps):
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=work.bf16):
                outputs = network(*views)
            barlow_twins(*outputs)[0].backward()
            optimiser.step()
        return 2 * work.steps * work.batch

    return task


def ours(work, epochs=1):
    def task():
        twinlens.pretrain(
            work.folder / "data",
            work.folder / "run",
            encoder=work.network,
            epochs=epochs,
            batch_size=work.batch,
            lr=1e-3,
            precision="bf16" if work.bf16 else "fp32",
            settings={
                "monitor_points": 0,
                "projector_epochs": 0,
                "image_size": work.size,
                "projector": WIDTHS,
            },
            device="cpu",
            overwrite=True,
        )
        return 2 * epochs * work.steps * work.batch

    return task


def store(work):
    """Write the images as a packed data set and as JPEG files."""
    (work.folder / "jpeg" / "image").mkdir(parents=True)
    for lesion in range(work.steps * work.batch):
        image = Image.fromarray(phantom_image(0, lesion, 0, size=work.stored))
        image.save(work.folder / "jpeg" / "image" / f"{lesion}.jpg", quality=90)
    twinlens.import_images(
        work.folder / "jpeg", work.folder / "data", size=work.stored, kind="unlabelled", workers=1
    )


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--bf16"]
    network, (size, batch, steps, *more) = words[0], map(int, words[1:])
    rounds, bf16 = (more or [3])[0], "--bf16" in sys.argv
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        work = SimpleNamespace(
            folder=Path(folder),
            network=network,
            size=size,
            stored=size * 3 // 2,
            batch=batch,
            steps=steps,
            bf16=bf16,
        )
        store(work)
        tasks = {
            "Twinlens, one epoch": ours(work),
            "Twinlens, four epochs": ours(work, 4),
            "limit": limit(work),
            "lightly": lightly(work),
            "stable-pretraining": stable_pretraining(work),
            "self_supervised (fastai)": self_supervised(work),
        }
        found = rates(tasks, rounds, time.process_time)
    views = 2 * batch * steps
    once = views / np.array(found.pop("Twinlens, one epoch"))
    four_times = 4 * views / np.array(found.pop("Twinlens, four epochs"))
    found = {"Twinlens": list(3 * views / (four_times - once))} | found
    write_rows(
        compared(found, "Twinlens"),
        f"pretraining-{network}-{size}{'-bf16' if bf16 else ''}",
        unit="views per second of one core",
        packages=("torch", "lightly", "stable-pretraining", "fastai", "self-supervised"),
        seconds_before_and_after=round(float(np.median(once - (four_times - once) / 3)), 1),
    )


if __name__ == "__main__":
    main()
