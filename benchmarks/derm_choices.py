"""What was chosen for pretraining on derm, on validation images alone. From the repository's root:

    twinlens import ../shared/data/derm --image image --label diagnosis --group group \
        --split split --size 64 --out data/derm64
    python benchmarks/derm_choices.py data/derm64

Pretrains a ResNet-18 a candidate, each differing from the first in one thing, ten epochs and one
seed, and scores linear probes (balanced class weights): within `train`, across groups, and on `val`,
fitted to all training labels and to a tenth of them. No test image is read. Seven minutes a candidate on two idle cores; goes on
where it stopped.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from machine import machine
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold

import twinlens
from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.predict import embed
from twinlens.evaluation.probe import linear_probe
from twinlens.files import read_json, write_json
from twinlens.finetuning.start import pretrained_encoder
from twinlens.splitting.budget import budget
from twinlens.training.device import make_fabric

OUT = Path(__file__).parent / "results" / "derm_choices.json"
RUNS = Path("runs/derm-choices")
EPOCHS = 10
BUDGETS = (1.0, 0.1)
COLOUR = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}

CANDIDATES: dict[str, dict[str, object]] = {
    "random weights": {"epochs": 0, "projector_epochs": 0},
    "robust": {},  # the finder suggests .0021
    "colour .4": {"lr": 2e-3, "view_changes": COLOUR},
    "colour .4, crop from .15": {
        "lr": 2e-3,
        "view_changes": COLOUR | {"crop_scale": [0.15, 1.0]},
    },
}


def main() -> None:
    data = Path(sys.argv[1])
    scores = read_json(OUT)["balanced_accuracy"] if OUT.exists() else {}
    for name, settings in CANDIDATES.items():
        if name in scores:
            continue
        run = RUNS / name.replace(" ", "-")
        if not run.exists():
            settings = {"epochs": EPOCHS} | settings
            twinlens.pretrain(data, run, encoder="resnet18", settings=settings, resume=True)
        scores[name] = probe(run, data)
        print(f"{name:32} {scores[name]}", flush=True)
        result = {"command": "python benchmarks/derm_choices.py data/derm64", "epochs": EPOCHS}
        write_json(OUT, result | {"balanced_accuracy": scores, "machine": machine()})


def probe(run: Path, folder: Path) -> dict[str, float]:
    """Return balanced accuracies of linear probes: within train, and from train to val."""
    data = open_dataset(folder)
    split = open_split(data)
    encoder, _ = pretrained_encoder(run)
    fabric = make_fabric()
    part = {name: split.rows[name] for name in ("train", "val")}
    x = {
        name: embed(encoder, reader(data.images, rows), rows, size=data.size, batch_size=256,
                    autocast=fabric.autocast)
        for name, rows in part.items()
    }  # fmt: skip
    y = {name: data.labels[rows] for name, rows in part.items()}

    def guess(fitted: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        head = linear_probe(fitted, labels, classes=len(data.classes), c=0.1, balanced=True)
        return head(torch.from_numpy(wanted)).argmax(1).numpy()

    def balanced(truth: np.ndarray, guesses: np.ndarray) -> float:
        return round(float(balanced_accuracy_score(truth, guesses)), 4)

    groups = data.table["group"].iloc[part["train"]]
    folds = GroupKFold(4).split(x["train"], groups=groups)
    crossed = y["train"].copy()
    for fitting, scoring in folds:
        crossed[scoring] = guess(x["train"][fitting], y["train"][fitting], x["train"][scoring])
    scores = {"train, 4 folds": balanced(y["train"], crossed)}
    for share in BUDGETS:
        few = np.isin(part["train"], budget(data, split, share, seed=0))
        guesses = guess(x["train"][few], y["train"][few], x["val"])
        scores[f"val, {share:.0%} of the labels"] = balanced(y["val"], guesses)
    return scores


if __name__ == "__main__":
    main()
