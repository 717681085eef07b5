"""BYOL at a learning rate such as the finder suggests on synthetic images, and at its own.

From the root of the repository:

    python benchmarks/byol.py

Pretrains a quarter-width ResNet-18 from random weights on 1,600 synthetic textures of 32 pixels for
30 epochs of BYOL, once at .006 and once at the default of .0005, with the views of `twinlens demo`.
A linear probe on those images' labels is fitted and scored in folds. Writes results/byol.json, .csv
and .png.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from machine import machine

import twinlens
from twinlens.files import read_json, write_json

HERE = Path(__file__).parent
RUNS = Path("runs/byol")
ARMS = {"learning rate .006": 6e-3, "learning rate .0005 (default)": 5e-4}
SETTINGS = {
    "method": "byol",
    "projector": (512, 128),
    "predictor": (512,),
    "epochs": 30,
    "batch_size": 64,
    "views": "paper",
    "view_changes": {
        "crop": {"scale": (0.4, 1.0)},
        "vertical_flip": {"p": 0.5},
        "rotation": {"p": 0.5, "degrees": (-45.0, 45.0)},
        "blur": {"p": 0.0},
    },
    "monitor_points": 8,
    "precision": "fp32",
}
SHOWN = {
    "linear_probe": "linear probe, balanced accuracy",
    "knn_probe": "kNN probe, balanced accuracy",
    "feature_rank": "effective rank of the features",
    "embedding_rank": "effective rank of the embeddings",
}


def monitored(lr: float) -> dict:
    """Pretrain at a learning rate, unless it is done, and return what its monitor saw."""
    data, run = RUNS / "data", RUNS / f"lr-{lr:g}"
    if not data.exists():
        twinlens.import_images("textures:2000", data, kind="phantom", size=32)
        twinlens.split(data, test=0.1, val=0.1, seed=0, name="all")
    if not run.exists():
        twinlens.pretrain(
            data, run, split="all", encoder="resnet18_quarter", settings=SETTINGS | {"lr": lr},
            seed=0, device="cpu", resume=True,
        )  # fmt: skip
    return read_json(run / "monitor.json")


def main() -> None:
    found = {name: monitored(lr) for name, lr in ARMS.items()}
    about = {"command": "python benchmarks/byol.py", "machine": machine(), "settings": SETTINGS}
    write_json(HERE / "results" / "byol.json", about | {"runs": found})
    rows = [
        {"arm": name} | {key: moment[key] for key in ("step", *SHOWN)}
        for name, monitor in found.items()
        for moment in monitor["evaluations"]
    ]
    pd.DataFrame(rows).to_csv(HERE / "results" / "byol.csv", index=False)
    draw(pd.DataFrame(rows))


def draw(curves: pd.DataFrame) -> None:
    figure, panels = plt.subplots(1, len(SHOWN), figsize=(13, 3), layout="constrained")
    for axes, (key, title) in zip(panels, SHOWN.items(), strict=True):
        for name, colour, mark in zip(ARMS, ("#d55e00", "#0072b2"), "so", strict=True):
            arm = curves[curves["arm"] == name]
            axes.plot(arm["step"], arm[key], f"{mark}-", ms=3, c=colour, label=name)
        axes.set(xlabel="step", title=title)
        axes.title.set_size(10)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(HERE / "results" / "byol.png", dpi=110)


if __name__ == "__main__":
    main()
