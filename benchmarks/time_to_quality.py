"""Pretraining until a linear probe reaches a balanced accuracy: ours and lightly's recipe.

From the root of the repository, in the second environment (make peers):

    twinlens import ../shared/data/derm --image image --label diagnosis --group group \
        --split split --size 64 --out data/derm64
    PYTHONPATH=src:tests/peers .venv-peers/bin/python benchmarks/time_to_quality.py data/derm64

Barlow Twins with a ResNet-18 of a quarter of the width at 64 px on the 6,341 unlabelled images, in
fp32, in one process with one thread; processor time counts. Ours is the whole call of
`twinlens.pretrain`, without the monitor, once for each number of epochs. lightly trains by the loop
of its example (batches of 256, its transforms, SGD at rate .06) on the same images as JPEG files of
that size, and goes on where the last probe was; its probes are not counted. The probe learns from
the 1,791 labelled training images. Adds rows to results/time_to_quality.json; what is there is not
trained again. Half an hour.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from machine import machine
from PIL import Image
from pretraining_peers import lightly_epoch
from sklearn.metrics import balanced_accuracy_score

import twinlens
from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.features.probe import linear_probe
from twinlens.files import read_json, write_json
from twinlens.inference.embed import embed
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.pretrained_encoder import pretrained_encoder

OUT = Path(__file__).parent / "results" / "time_to_quality.json"
NETWORK, SIZE = "resnet18_quarter", 64
SEEDS = (0, 1)
OURS = (2, 4, 8)
THEIRS = (2, 4, 8, 12, 16)


def probes(encoder, data, split):
    """Return the balanced accuracy of a linear probe on val and on test."""
    rows = np.concatenate([split.rows[part] for part in ("train", "val", "test")])
    read = reader(data.images, rows, torch.device("cpu"))
    features = dict(zip(rows, embed(encoder, read, rows, size=SIZE, batch_size=256), strict=True))

    def of(part):
        chosen = split.rows[part]
        return torch.tensor(np.stack([features[row] for row in chosen])), data.labels[chosen]

    x, y = of("train")
    head = linear_probe(x.numpy(), y, classes=len(data.classes), c=0.01, balanced=True)
    found = {}
    for part in ("val", "test"):
        x, y = of(part)
        predicted = head(x.float()).argmax(1).numpy()
        found[part] = round(float(balanced_accuracy_score(y, predicted)), 4)
    return found


def ours(path, seed, folder):
    """Pretrain once for each number of epochs; yield epochs, seconds and encoder."""
    for epochs in OURS:
        began = time.process_time()
        run = twinlens.pretrain(
            path,
            folder / "run",
            encoder=NETWORK,
            seed=seed,
            settings={"batch_size": 128, "lr": 2e-3, "precision": "fp32", "epochs": epochs}
            | {"image_size": SIZE, "monitor_points": 0, "projector_epochs": 0},
            device="cpu",
            overwrite=True,
        )
        seconds = time.process_time() - began
        yield epochs, seconds, pretrained_encoder(run)[0]


def store(data, split, folder):
    """Write the images that ours sees, those of train and unlabelled, as JPEG files."""
    rows = IMAGES["unlabelled"].rows(split)
    for row in rows:
        Image.fromarray(data.images[row]).save(folder / f"{row}.jpg", quality=95)


def lightly(data, split, seed, folder):
    """Train by the loop of lightly's example; yield epochs, seconds and encoder."""
    store(data, split, folder)
    torch.manual_seed(seed)
    encoder = build_encoder(NETWORK, seed)
    normalise = {"mean": list(encoder.mean), "std": list(encoder.std)}
    train = lightly_epoch(
        encoder, encoder.feature_dim, folder, size=SIZE, batch=256, normalize=normalise
    )
    seconds = 0.0
    for epoch in range(1, max(THEIRS) + 1):
        began = time.process_time()
        train()
        seconds += time.process_time() - began
        if epoch in THEIRS:
            yield epoch, seconds, encoder


def main() -> None:
    path = sys.argv[1]
    torch.set_num_threads(1)
    data = open_dataset(path)
    split = open_split(data)
    rows = read_json(OUT)["rows"] if OUT.exists() else []
    known = {(row["name"], row["seed"]) for row in rows}
    for seed in SEEDS:
        for name in ("Twinlens", "lightly"):
            if (name, seed) in known:
                continue
            with TemporaryDirectory() as temporary:
                folder = Path(temporary)
                if name == "lightly":
                    found = lightly(data, split, seed, folder)
                else:
                    found = ours(path, seed, folder)
                new = []
                for epochs, seconds, encoder in found:
                    about = {"name": name, "seed": seed, "epochs": epochs}
                    scores = probes(encoder, data, split)
                    new.append(about | {"seconds": round(seconds, 1)} | scores)
                    print(new[-1], flush=True)
            rows += new
            command = "python benchmarks/time_to_quality.py data/derm64"
            versions = machine("torch", "lightly")
            write_json(OUT, {"command": command, "machine": versions, "rows": rows})


if __name__ == "__main__":
    main()
