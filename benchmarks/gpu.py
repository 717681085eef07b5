"""All that is measured on a GPU, in one command.

From the root of the repository, on a machine with a GPU (some ten minutes):

    python benchmarks/gpu.py

and, to see on any machine that the script itself works, with tiny networks and on the CPU:

    python benchmarks/gpu.py --try-out

Barlow Twins with a ResNet-50 at 256 px (batch 128) and a ViT-S/16 at 224 px (batch 256), and
fine-tuning of that ResNet-50 at 256 px (batch 64), in the precision that the device has. Ours is
the whole call on synthetic images, without the monitor: the rate of its steps after the first ten,
with the images on the device and read from the pack, and the seconds of all else. The limit is the
network, the loss and AdamW's step on a batch that lies on the device; it is measured again
compiled, and without the fused optimiser. The waits of the processor for the device in a step are
counted by torch, from two runs of different length. Where lightly is installed (make peers), the
loop of its example trains the ResNet-50 on the same images as JPEG files, with eight processes that
load them, in fp32 as it stands and in bf16. Then six small fine-tunings, one after another and
three at a time on the device. From the rates follows the time of the paper's Table 7, training
steps alone. Writes results/gpu.json.
"""

import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import pandas as pd
import torch
from in_turns import write_rows
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

import twinlens
from twinlens.data import batches
from twinlens.engine.device import make_fabric, precision_of
from twinlens.engine.optimiser import adamw
from twinlens.files import write_json
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.methods.barlow_twins import barlow_twins
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.settings.pretraining import Pretraining

TRY_OUT = "--try-out" in sys.argv
PROJECTOR = (64, 64) if TRY_OUT else (8192, 8192, 8192)
STEPS = 2 if TRY_OUT else 30
EPOCHS = 4
CASES = (
    [("pretrain", "resnet18_quarter", 32, 16), ("train", "resnet18_quarter", 32, 16)]
    if TRY_OUT
    else [
        ("pretrain", "resnet50", 256, 128),
        ("pretrain", "timm/vit_small_patch16_224", 224, 256),
        ("train", "resnet50", 256, 64),
    ]
)
TABLE_7 = {"pretrain": 6 * 100 * 2 * 23_257, "train": (35 + 35 + 6) * 40 * 2_554}
"""Views of the second pretrainings and images of the fine-tunings: runs, epochs, images."""


def clock(device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_gib(device) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 1) if device.type == "cuda" else None


def limit(case, fabric, *, compiled=False, fused=True):
    """Return views or images per second of training steps on a batch that lies ready."""
    task, name, size, batch = case
    encoder = build_encoder(name, 0)
    if task == "pretrain":
        settings = Pretraining(method="barlow_twins", projector=PROJECTOR)
        module: nn.Module = SiameseNetwork(encoder, settings, 0)
    else:
        module = nn.Sequential(encoder, nn.Linear(encoder.feature_dim, 8))
    module.to(fabric.device, memory_format=torch.channels_last).train()
    forward = torch.compile(module) if compiled else module
    images = [torch.randn(batch, 3, size, size, device=fabric.device) for _ in range(2)]
    images = [image.to(memory_format=torch.channels_last) for image in images]
    labels = torch.arange(batch, device=fabric.device) % 8
    optimiser = adamw(module, weight_decay=0)
    for group in optimiser.param_groups:
        group["fused"], group["foreach"] = fused, not fused  # as torch chooses on a GPU

    def step():
        optimiser.zero_grad()
        with fabric.autocast():
            if task == "train":
                loss = cross_entropy(forward(images[0]), labels)
            else:
                outputs = forward(*images)
        if task == "pretrain":
            loss = barlow_twins(*(output.float() for output in outputs))[0]
        loss.backward()
        optimiser.step()

    for _ in range(3):
        step()
    began = clock(fabric.device)
    for _ in range(STEPS):
        step()
    return STEPS * batch * (2 if task == "pretrain" else 1) / (clock(fabric.device) - began)


def ours(case, fabric, folder, epochs=EPOCHS):
    """Return the rate of the steps after the first ten, all their seconds, and those of all else.

    An epoch has sixteen steps: a quarter of the synthetic images are labelled ones to train on.
    """
    task, name, size, batch = case
    data = folder / f"{task}-{size}-{batch}"
    if not data.exists():
        count = batch * 16 * (1 if task == "pretrain" else 5)
        twinlens.import_images(f"phantom:{count}", data, size=size)
    common = {"encoder": name, "batch_size": batch, "lr": 1e-3, "device": fabric.device.type}
    common |= {"epochs": epochs, "overwrite": True}
    began = clock(fabric.device)
    if task == "pretrain":
        settings = {"monitor_points": 0, "projector_epochs": 0, "projector": PROJECTOR}
        run = twinlens.pretrain(data, folder / "run", images="all", settings=settings, **common)
    else:
        settings = {"head_epochs": 0, "min_steps": 0, "tta": 1}
        run = twinlens.train(data, folder / "run", settings=settings, **common)
    seconds = clock(fabric.device) - began
    steps = pd.read_parquet(run / "history.parquet")["seconds"]
    views = batch * (2 if task == "pretrain" else 1)
    skipped = min(10, len(steps) // 2)
    return views / float(steps[skipped:].median()), steps, seconds - float(steps.sum())


def waits_per_step(case, fabric, folder):
    """Return how often a step waits for the device; None on a CPU."""
    if fabric.device.type != "cuda":
        return None
    counts, lengths = [], []
    for epochs in (1, 3):
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lengths.append(len(ours(case, fabric, folder, epochs)[1]))
        torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchronizing" in str(warning.message) for warning in caught))
    return (counts[1] - counts[0]) / (lengths[1] - lengths[0])


def streamed(case, fabric, folder):
    """Return the rate with images that do not lie in the device's memory."""
    with (
        patch.object(batches, "GPU_SHARE", 0.0),
        patch.object(batches, "CPU_LIMIT", 0),
    ):
        return ours(case, fabric, folder)[0]


def lightly(case, fabric, folder, *, bf16):
    """Return the rate of lightly's example; None where it is not installed, or is not for this."""
    task, name, size, batch = case
    if task != "pretrain" or name.startswith("timm/"):
        return None
    try:
        from pretraining_peers import lightly_epoch
    except ImportError:
        return None
    files = folder / f"jpeg-{size}"
    if not files.exists():
        files.mkdir()
        images = twinlens.open_dataset(folder / f"{task}-{size}-{batch}").images
        for row, image in enumerate(images):
            Image.fromarray(image).save(files / f"{row}.jpg", quality=90)
    encoder = build_encoder(name, 0)
    epoch = lightly_epoch(
        encoder, encoder.feature_dim, files, size=size, batch=batch, bf16=bf16,
        device=fabric.device.type, workers=0 if TRY_OUT else 8,
    )  # fmt: skip
    epoch()
    began = clock(fabric.device)
    epoch()
    steps = len(list(files.iterdir())) // batch
    return 2 * steps * batch / (clock(fabric.device) - began)


def together(fabric, folder):
    """Return the seconds of six small fine-tunings one after another, and three at a time."""
    twinlens.import_images(f"phantom:{160 if TRY_OUT else 2000}", folder / "small", size=32)
    content = {
        "data": str(folder / "small"),
        "encoder": "resnet18_quarter",
        "seeds": 3,
        "train": {"epochs": 1 if TRY_OUT else 20, "min_steps": 0, "batch_size": 16, "lr": 1e-3},
        "arms": {"supervised": {}, "smoothed": {"train": {"label_smoothing": 0.1}}},
    }
    write_json(folder / "small.yaml", content)  # JSON is YAML
    seconds = []
    for several in (1, 3):
        how = {"workers": several} if TRY_OUT else {"runs_per_gpu": several, "workers": several}
        out = folder / f"together-{several}"
        began = time.perf_counter()
        twinlens.compare(folder / "small.yaml", out, device=fabric.device.type, **how)
        seconds.append(round(time.perf_counter() - began, 1))
    return {"one after another": seconds[0], "three at a time": seconds[1]}


def measure(case, fabric, folder):
    """Return a row of the table."""
    task, name, size, batch = case
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    rate, _, other = ours(case, fabric, folder)
    row = SimpleNamespace(task=task, network=name, size=size, batch=batch, twinlens=rate)
    row.seconds_besides, row.peak_gib = other, peak_gib(fabric.device)
    row.streamed = streamed(case, fabric, folder)
    row.lightly = lightly(case, fabric, folder, bf16=False)
    row.lightly_bf16 = lightly(case, fabric, folder, bf16=True)
    row.limit = limit(case, fabric)
    row.limit_not_fused = limit(case, fabric, fused=False)
    row.limit_compiled = limit(case, fabric, compiled=True)
    row.share_of_limit = rate / row.limit
    row.waits_per_step = waits_per_step(case, fabric, folder)
    found = {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in vars(row).items()}
    print(found, flush=True)
    return found


def main() -> None:
    fabric = make_fabric("auto", "cpu" if TRY_OUT else "cuda")
    with TemporaryDirectory() as folder:
        rows = [measure(case, fabric, Path(folder)) for case in CASES]
        six = together(fabric, Path(folder))
    print(f"Six small fine-tunings, in seconds: {six}")
    hours = {}
    for task, amount in TABLE_7.items():
        rate = next(row["twinlens"] for row in rows if row["task"] == task)
        hours[task] = round(amount / rate / 3600, 1)
    print(f"Table 7 of the paper, training steps alone, in hours: {hours}")
    if not TRY_OUT:
        write_rows(
            rows,
            "gpu",
            unit="views (pretrain) or images (train) per second",
            packages=["torch"],
            device=torch.cuda.get_device_name(),
            precision=precision_of(fabric),
            table_7_hours=hours,
            six_small_fine_tunings_seconds=six,
        )


if __name__ == "__main__":
    main()
