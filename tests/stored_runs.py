"""Records of runs with invented content, for tests of what reads them."""

from pathlib import Path
from typing import Any

from twinlens.files import read_json, write_json
from twinlens.records.monitor import Evaluation
from twinlens.records.run import (
    DataSummary,
    Environment,
    PredictionsRun,
    PretrainRun,
    StoredPretraining,
    TrainRun,
)
from twinlens.records.weights import InitialWeights, Normalisation
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest
from twinlens.settings.finetuning import FineTuning
from twinlens.views.recipes import named_pair

ENVIRONMENT = Environment(
    python="3.12.1",
    packages={"twinlens": "0.1.0"},
    platform="Linux",
    processor="CPU",
    cores=2,
    threads=2,
    device="cpu",
    processes=1,
    precision="fp32",
)
DATA = DataSummary(
    path="data/phantom", hash="ab" * 32, size=32, classes=["a", "b"],
    counts={"train": {"a": 8, "b": 8}, "val": {"a": 4, "b": 4}, "test": {"a": 4, "b": 4}},
    split="recommended", split_hash="cd" * 32,
)  # fmt: skip
_RAN = {
    "initial_weights": InitialWeights(name="random"),
    "environment": ENVIRONMENT,
    "transductive": False,
    "seconds": 60.0,
    "images_per_s": 1834.2,
    "data": DATA,
}


def pretrain_run(
    out: str = "pre", *, settings: dict[str, Any] | None = None, **changes: Any
) -> PretrainRun:
    """Return a pretraining whose settings and fields are changed."""
    request = PretrainRequest("data/phantom", out, encoder="resnet18", seed=changes.get("seed", 0))
    values = _RAN | {
        "request": request,
        "settings": StoredPretraining.model_validate({"method": "barlow_twins"} | (settings or {})),
        "seed": request.seed,
        "normalisation": Normalisation(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
        "recipes": named_pair("recommended", {}),
        "images": 1500,
        "verdict": ["It worked."],
        "kept": "last",
        "stopped": None,
        "command": request.command_line(),
    }
    return PretrainRun(**values | changes)


def train_run(
    out: str = "run", *, settings: dict[str, Any] | None = None, **changes: Any
) -> TrainRun:
    """Return a training whose settings and fields are changed."""
    request = TrainRequest("data/phantom", out, encoder="resnet18", seed=changes.get("seed", 0))
    values = _RAN | {
        "request": request,
        "settings": FineTuning(**(settings or {})),
        "encoder": "resnet18",
        "seed": request.seed,
        "label_fraction": 1.0,
        "images": 1000,
        "command": request.command_line(),
    }
    return TrainRun(**values | changes)


def predictions_run(out: str = "run", *, file: str = "other.csv", **changes: Any) -> PredictionsRun:
    """Return scored predictions of another tool whose fields are changed."""
    request = PredictionsRequest("data/phantom", out, file=file, seed=changes.get("seed", 0))
    values = {"request": request, "seed": request.seed, "label_fraction": 1.0, "sha256": "ef" * 32}
    return PredictionsRun(**values | {"data": DATA} | changes)


def evaluation(**changes: Any) -> Evaluation:
    """Return an evaluation of a pretraining whose fields are changed."""
    usual = {"step": 0, "epoch": 0.0, "on_diagonal": 0.8, "off_diagonal": 0.1}
    usual |= {"feature_rank": 20.0, "feature_dispersion": 0.3}
    usual |= {"embedding_rank": 40.0, "embedding_dispersion": 0.4}
    return Evaluation.model_validate(usual | changes)


def configure(run: Path, **changes: Any) -> None:
    """Change a stored run's settings, and what it started from.

    Args:
        run: Its folder.
        changes: Settings; or `encoder`, `weights` (the initial ones), `images` (a pretraining's
            choice), `preset`, or `pretrained` (the settings of the pretraining before, and its
            `images`).
    """
    content = read_json(run / "run.json")
    for name, value in changes.items():
        if name == "weights":
            content["initial_weights"]["name"] = value
        elif name == "pretrained":
            settings = dict(value)
            before = pretrain_run(settings=settings, seed=settings.pop("seed", 0), **{
                "request": PretrainRequest("d", "p", images=settings.pop("images", "unlabelled"))
            })  # fmt: skip
            content["pretraining"] = before.model_dump(mode="json", by_alias=True)
        elif name == "encoder" and "encoder" in content:
            content[name] = value
        elif name in ("encoder", "images", "preset"):
            content["request"][name] = value
            content["transductive"] |= value == "all"
        else:
            content["settings"][name] = value
    write_json(run / "run.json", content)
