"""Probe curves of a study's pretrainings, and probes of what they end with on all labels.

From the root of the repository, after the study:

    python benchmarks/method_probes.py runs/derm-methods derm-methods-probes

The curves are the monitor's: cross-validated on the labelled training images of the smallest label
fraction. The last encoder of each run, and encoders with random weights, are then probed with all
labelled training images, on test. Writes results/NAME.json and docs/images/NAME.png.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import machine
from matplotlib.figure import Figure
from sklearn.metrics import balanced_accuracy_score

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.features.probe import linear_probe
from twinlens.files import write_json
from twinlens.inference.embed import embed
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.records.monitor import MonitorRecord
from twinlens.records.run import PretrainRun, read_run

HERE = Path(__file__).parent


def on_test(encoder, data, split, size) -> float:
    """Return the balanced accuracy on test of a linear probe with all labels."""
    features = {}
    for part in ("train", "test"):
        read = reader(data.images, split.rows[part], torch.device("cpu"))
        features[part] = embed(encoder, read, split.rows[part], size=size, batch_size=256)
    labels = {part: data.labels[split.rows[part]] for part in features}
    classes = len(data.classes)
    head = linear_probe(features["train"], labels["train"], classes=classes, c=0.01, balanced=True)
    predicted = head(torch.from_numpy(features["test"])).argmax(1).numpy()
    return float(balanced_accuracy_score(labels["test"], predicted))


def main() -> None:
    study, name = Path(sys.argv[1]), sys.argv[2]
    rows: list[dict[str, Any]] = []
    for folder in sorted(study.glob("runs/pretrain-*/")):
        run = read_run(folder)
        assert isinstance(run, PretrainRun)
        data = open_dataset(run.request.dataset)
        split, size = open_split(data, run.data.split), run.settings.image_size or data.size
        evaluations = MonitorRecord.read(folder / "monitor.json").evaluations
        encoders = {run.settings.method: pretrained_encoder(folder)[0]}
        if run.settings.method == "barlow_twins":
            encoders["random"] = build_encoder(run.request.encoder, run.request.seed)
        for method, encoder in encoders.items():
            found = {"method": method, "seed": run.request.seed}
            if method != "random":
                found |= {"epochs": [round(e.epoch, 2) for e in evaluations]}
                found |= {"probe": [round(e.linear_probe or 0.0, 3) for e in evaluations]}
                found |= {"rank": [round(e.feature_rank, 1) for e in evaluations]}
            rows.append(found | {"test": round(on_test(encoder, data, split, size), 4)})
            print(rows[-1])
    about = {"command": f"python benchmarks/method_probes.py {study} {name}"}
    about |= {"machine": machine("torch")}
    write_json(HERE / "results" / f"{name}.json", about | {"runs": rows})
    draw(pd.DataFrame(rows), HERE.parent / "docs" / "images" / f"{name}.png")


def draw(table: pd.DataFrame, file: Path) -> None:
    figure = Figure((9, 3.4), layout="constrained")
    curves, ends = figure.subplots(1, 2)
    shown = list(dict.fromkeys(table["method"]))
    for number, method in enumerate(shown):
        own = table[table["method"] == method]
        title = METHODS[method].title if method in METHODS else "random weights"
        if method != "random":
            mean = np.mean(own["probe"].tolist(), axis=0)
            curves.plot(own["epochs"].iloc[0], mean, marker="o", ms=3, color=f"C{number}")
        ends.plot(own["test"], [number] * len(own), "o", color=f"C{number}", alpha=0.5)
        ends.plot(own["test"].mean(), number, "|", ms=18, mew=2, color=f"C{number}")
        ends.text(0.0, number, f"{title} ", ha="right", va="center", transform=_left(ends))
    curves.set(xlabel="epoch", ylabel="probe, few labels (cross-validated)")
    ends.set(yticks=[], xlabel="balanced accuracy of a probe with all labels, test")
    for axis in (curves, ends):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)


def _left(axis):
    """Return coordinates from the left edge of an axis, at the height of its values."""
    return axis.get_yaxis_transform()


if __name__ == "__main__":
    main()
