"""A study whose arms differ in every stage, and the boxes of its diagrams."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from planned import share_pretraining

from stored_runs import configure
from twinlens.files import read_json, write_json

Build = Callable[..., Path]

ARMS = ("random", "twins", "twins, probed", "supervised")


def build_four_arms(folder: Path, build_study: Build, **changes: dict[str, Any]) -> Path:
    """Build a study of four arms, two of which share a pretraining; change runs' settings."""
    build_study(folder, arms=ARMS, pretrained=["twins"], seeds=2, fallback=True)
    share_pretraining(folder, "twins, probed", "pretrain-1")
    common = {"weights": "random", "tuning": "head_then_full", "head_epochs": 1, "head_lr": 1e-3,
              "epochs": 40, "tta": 3, "tta_clean": True}  # fmt: skip
    changed: dict[str, dict[str, Any]] = {
        "train-2": {"tuning": "linear_probe"},
        "train-3": {"weights": "/home/me/supervised.pth", "head": "mlp", "class_balance": "loss"},
        "pretrain-1": {"epochs": 30, "projector": [512, 256], "lambda": 0.0051, "batch_size": 128},
    }
    for run in (folder / "runs").iterdir():
        info = read_json(run / "run.json")
        kind = run.name.rsplit("-", 1 if run.name.startswith("pretrain") else 2)[0]
        if info["kind"] == "pretrain":
            write_json(run / "run.json", info | {"images": 6341})
        usual = common if info["kind"] == "train" else {"weights": "random"}
        configure(run, **usual | changed.get(kind, {}) | changes.get(kind, {}))
        if kind == "train-2":
            (run / "lr_finder.json").unlink()
    return folder


def box_titles(drawing: str) -> list[str]:
    """Return the titles of the boxes, which alone are bold, in the order of drawing."""
    return [
        part.split("</text>")[0].split(">")[-1]
        for part in drawing.split("<text ")[1:]
        if "700" in part.split(">")[0]
    ]
