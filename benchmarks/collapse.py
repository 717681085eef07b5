"""What the monitor sees of a run that works and of one that collapses.

From the root of the repository:

    python benchmarks/collapse.py data/derm64

Pretrains a ResNet-18 for six epochs with VICReg, once as it is and once without the two terms that
keep embeddings apart (variance and covariance 0), and draws probes and effective ranks of both.
Writes results/collapse.json and docs/images/collapse.png. Ten minutes on two idle cores at 64 px.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from machine import machine

import twinlens
from twinlens.files import read_json, write_json

HERE = Path(__file__).parent
RUNS = Path("runs/collapse")
ARMS: dict[str, dict[str, float]] = {
    "VICReg": {},
    "without variance and covariance": {"variance": 0, "covariance": 0},
}
SHOWN = {
    "linear_probe": "linear probe, balanced accuracy",
    "embedding_rank": "effective rank of the embeddings",
    "feature_rank": "effective rank of the features",
    "feature_dispersion": "relative dispersion of the features",
}


def main() -> None:
    found = {}
    for name, settings in ARMS.items():
        run = RUNS / name.replace(" ", "-")
        if not run.exists():
            settings = {"method": "vicreg", "epochs": 6, "lr": 2e-3} | settings
            twinlens.pretrain(
                sys.argv[1], run, encoder="resnet18", settings=settings, seed=0, resume=True
            )
        found[name] = read_json(run / "monitor.json")
        found[name]["verdict"] = read_json(run / "run.json")["verdict"]
    about = {"command": f"python benchmarks/collapse.py {sys.argv[1]}", "machine": machine()}
    write_json(HERE / "results" / "collapse.json", about | {"runs": found})
    draw(found)


def draw(found: dict[str, dict]) -> None:
    figure, panels = plt.subplots(1, len(SHOWN), figsize=(13, 3), layout="constrained")
    for axes, (key, title) in zip(panels, SHOWN.items(), strict=True):
        for (name, monitor), colour in zip(found.items(), ("#0072b2", "#d55e00"), strict=True):
            steps = [moment["step"] for moment in monitor["evaluations"]]
            axes.plot(
                steps, [m[key] for m in monitor["evaluations"]], "o-", ms=3, c=colour, label=name
            )
            for alarm in monitor["alarms"]:
                axes.axvline(alarm["step"], color=colour, ls=":", label="alarm")
        axes.set(xlabel="step", title=title)
        axes.title.set_size(10)
        if "rank" in key:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(HERE.parent / "docs" / "images" / "collapse.png", dpi=110)


if __name__ == "__main__":
    main()
