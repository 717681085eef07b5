"""A whole study against the time of its networks alone.

From the root of the repository:

    OMP_NUM_THREADS=1 python benchmarks/study.py NETWORK SIZE BATCH [ROUNDS]

Ours is `twinlens compare`, from starting Python to the report: three arms (random weights, Barlow
Twins, its features probed), three seeds, 2,500 synthetic images, fp32, one worker with one thread.
The limit takes the training steps that the study's histories list, and the forward passes of the
images that it evaluates and predicts, with the same networks on batches that lie ready. Processor
time counts. Writes results/study-NETWORK-SIZE.json.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import pandas as pd
import torch
import yaml
from in_turns import compared, write_rows
from start import children, process
from torch import nn
from torch.nn.functional import cross_entropy

import twinlens
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.optimiser import adamw
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.evaluation import LIDAR_IMAGES, LIDAR_VIEWS
from twinlens.pretraining.methods.barlow_twins import barlow_twins
from twinlens.pretraining.monitor import SAMPLE
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.settings.pretraining import Pretraining

IMAGES, CLASSES, FORWARD, POINTS = 2500, 8, 256, 5


def study_file(data, network, batch):
    return {
        "data": str(data),
        "encoder": network,
        "precision": "fp32",
        "seeds": 3,
        "pretrain": {"epochs": 10, "batch_size": batch, "lr": 1e-3, "monitor_points": POINTS},
        "train": {"epochs": 10, "batch_size": 32, "lr": 1e-3, "tta": 1},
        "arms": {
            "random": {},
            "Barlow Twins": {"pretrain": {}},
            "Barlow Twins, probed": {"pretrain": {}, "train": {"tuning": "linear_probe"}},
        },
    }


def steps_of(folder, kind):
    """Return the number of steps of each phase of all runs of a kind, and the number of runs."""
    files = list(folder.glob(f"runs/{kind}-*/history.parquet"))
    phases = [pd.read_parquet(file).get("phase", pd.Series(dtype=str)) for file in files]
    return Counter(pd.concat(phases)), len(files)


def batch_of(size, count):
    return torch.randn(count, 3, size, size).to(memory_format=torch.channels_last)


def take(steps, module, loss, trained):
    """Take so many steps of training."""
    optimiser = adamw(trained, weight_decay=0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(module).backward()
        optimiser.step()


def pretraining(network, size, batch, steps):
    """Take the steps of the pretrainings, first those that train the projector alone."""
    settings = Pretraining(method="barlow_twins")
    module = SiameseNetwork(build_encoder(network, 0), settings, 0)
    module.to(memory_format=torch.channels_last).train()
    views = batch_of(size, batch), batch_of(size, batch)

    def loss(siamese):
        return barlow_twins(*siamese(*views))[0]

    module.encoder.requires_grad_(False)
    take(steps["projector"], module, loss, module.projector)
    module.encoder.requires_grad_(True)
    take(steps["one_cycle"], module, loss, module)


def finetuning(network, size, steps):
    """Take the steps of the trainings, first those that train the head alone."""
    encoder = build_encoder(network, 0)
    module = nn.Sequential(encoder, nn.Linear(encoder.feature_dim, CLASSES))
    module.to(memory_format=torch.channels_last).train()
    images, labels = batch_of(size, 32), torch.arange(32) % CLASSES

    def loss(classifier):
        return cross_entropy(classifier(images), labels)

    encoder.requires_grad_(False)
    take(steps["head"], module, loss, module[1])
    encoder.requires_grad_(True)
    take(steps["one_cycle"], module, loss, module)


@torch.inference_mode()
def forward(network, size, images):
    """Pass so many images."""
    encoder = build_encoder(network, 0).to(memory_format=torch.channels_last).eval()
    batch = batch_of(size, FORWARD)
    for _ in range(round(images / FORWARD)):
        encoder(batch)


def images_passed(data, trainings, pretrainings):
    """Return how many images go through a network without training it.

    An evaluation passes two views of its sample, those of LiDAR, and the training images of the
    probes; a training the images that it predicts, and the training images for its index (or for
    its probe).
    """
    counts = pd.Series({part: len(rows) for part, rows in open_split(data).rows.items()})
    evaluation = 2 * SAMPLE + LIDAR_IMAGES * LIDAR_VIEWS + counts["train"]
    prediction = counts[["train", "val", "test"]].sum()
    return (POINTS + 1) * pretrainings * evaluation + trainings * prediction


def main() -> None:
    network, size, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rounds = int((sys.argv[4:5] or [1])[0])
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = twinlens.import_images(f"phantom:{IMAGES}", folder / "data", size=size, workers=1)
        file = folder / "study.yaml"
        file.write_text(yaml.safe_dump(study_file(data.path, network, batch)))
        study = folder / "study"
        compare = process("-m", "twinlens.cli", "compare", file, "--out", study, "--workers", 1)

        def ours():
            rmtree(study, ignore_errors=True)
            return compare()

        found: dict[str, list[float]] = {"Twinlens": [], "limit": []}
        for _ in range(rounds):
            began = children()
            ours()
            found["Twinlens"].append(1 / (children() - began))
            (pre, pretrainings), (fine, trainings) = (
                steps_of(study, kind) for kind in ("pretrain", "train")
            )
            passed = images_passed(open_dataset(data.path), trainings, pretrainings)
            began = time.process_time()
            pretraining(network, size, batch, pre)
            finetuning(network, size, fine)
            forward(network, size, passed)
            found["limit"].append(1 / (time.process_time() - began))
        rows = compared(found, "Twinlens")
    write_rows(
        [row | {"seconds": round(1 / row["per_second"], 1)} for row in rows],
        f"study-{network}-{size}",
        unit="seconds of processor time",
        packages=["torch"],
        steps={"pretraining": pre, "fine-tuning": fine},
        images_passed=int(passed),
    )


if __name__ == "__main__":
    main()
