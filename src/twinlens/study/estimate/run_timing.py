"""How long a run takes, told from its first steps: the run's own code, on the data set's images."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.device import make_fabric
from twinlens.engine.loop import CHECKPOINT_EVERY_S
from twinlens.engine.lr_finder import STEPS
from twinlens.engine.timing import rehearse, scaled
from twinlens.evaluation.evaluate import score
from twinlens.finetuning import phases as finetuning
from twinlens.finetuning.preview import write_views
from twinlens.finetuning.train import test_time
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.heads import HEADS
from twinlens.models.tensor_files import save_tensors
from twinlens.pretraining import phases as pretraining
from twinlens.pretraining.embedding_snapshot import sample, write_evidence
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import SAMPLE, Monitor
from twinlens.pretraining.preview import write_views as write_pairs
from twinlens.pretraining.probing import choose
from twinlens.seeds import derive, generator
from twinlens.settings.finetuning import FineTuning
from twinlens.settings.pretraining import Pretraining
from twinlens.splitting.label_fraction import label_fraction
from twinlens.types import Rows
from twinlens.views.recipes import named_recipe


@dataclass(frozen=True)
class Task:
    """The runs that are to be measured: they differ in seed, weights and label fraction alone.

    Attributes:
        kind: "pretrain" or "train".
        arguments: Of one of them.
        label_fractions: For trainings, the label fractions, the largest last; it is measured.
        data: Folder of the data set.
        split: Name of the split.
        device: "cpu", "cuda" or "mps".
    """

    kind: str
    arguments: dict[str, Any]
    label_fractions: list[float]
    data: str
    split: str
    device: str


def training_seconds(task: Task, folder: Path) -> list[float]:
    """Estimate the seconds of a training with each of the label fractions.

    Images of train stand for those of val and test, which stay unopened.

    Args:
        task: What is measured.
        folder: For what a run writes.
    """
    began, seed = time.monotonic(), task.arguments["seed"]
    config = FineTuning.model_validate(task.arguments["settings"])
    data, split = open_task(task.data, task.split, config.classes)
    by_label_fraction = [
        label_fraction(data, split, share, derive(seed, "label_fraction"))
        for share in task.label_fractions
    ]
    rows = by_label_fraction[-1]
    fabric, encoder = _begin(task, config)
    otherwise = time.monotonic() - began
    fit = partial(finetuning.fit, encoder, data, fabric=fabric, folder=folder, seed=seed)
    if config.tuning == "linear_probe":
        mixed, unit = _mixed(rows, data.labels[rows]), 1
        head = HEADS["linear"](encoder.feature_dim, len(data.classes), seed).to(fabric.device)
        stepping = scaled(lambda size: fit(rows=mixed[:size], config=config), len(rows))
    else:
        given = config.model_copy(update={"lr": config.fallback_lr})
        unit = config.batch_size
        head, phases = fit(rows=rows, config=given, through=rehearse)
        stepping, beside = _steps(phases, config.lr == "valley")
        otherwise += beside
    seen = np.resize(rows, sum(len(split.rows[part]) for part in ("val", "test")))
    tta = test_time(config, seed)
    evaluate = partial(score, encoder, head, data, part="train", tta=tta, fabric=fabric)
    otherwise += scaled(lambda size: evaluate(rows=seen[:size]), len(seen))
    recipe = named_recipe(config.views, config.view_changes)
    otherwise += _once(lambda: write_views(folder / "views.png", data, rows, recipe, seed=seed))
    otherwise += _once(lambda: save_tensors(folder / "model", encoder.state_dict()))
    epochs = [len(some) // unit for some in by_label_fraction]
    return [stepping * epoch / epochs[-1] + otherwise for epoch in epochs]


def pretraining_seconds(task: Task, folder: Path) -> list[float]:
    """Estimate the seconds of a pretraining; arguments as for `training_seconds`."""
    began, seed = time.monotonic(), task.arguments["seed"]
    where = "Settings of the pretraining"
    config = configure(task.arguments["preset"], task.arguments["settings"], where=where)
    data, split = open_task(task.data, task.split, config.classes)
    rows = IMAGES[task.arguments["images"]].rows(split)
    fabric, encoder = _begin(task, config)
    otherwise = time.monotonic() - began
    given = config.model_copy(update={"lr": config.fallback_lr, "keep": "last", "patience": None})
    blind = given.model_copy(update={"monitor_points": 0})
    phases = pretraining.fit(
        encoder, data, split, rows, blind, fabric, folder, seed, through=rehearse
    )
    stepping, beside = _steps(phases, config.lr == "valley")
    otherwise += beside
    if config.monitor_points:
        looks = min(config.monitor_points, phases["steps"].sum()) + 1
        otherwise += looks * _look(encoder, data, split, rows, given, fabric, folder, seed)
    otherwise += _evidence(encoder, data, sample(data, split, rows, seed), fabric, folder, seed)
    otherwise += _once(lambda: write_pairs(folder / "views.png", data, rows, config, seed=seed))
    otherwise += _once(lambda: save_tensors(folder / "encoder", encoder.state_dict()))
    return [stepping + otherwise]


def _begin(task: Task, config: FineTuning | Pretraining) -> tuple[Fabric, Encoder]:
    """Return the engine, and the encoder with random weights: they are as fast as any."""
    fabric = make_fabric(config.precision, task.device)
    encoder = build_encoder(task.arguments["encoder"], task.arguments["seed"])
    return fabric, encoder.to(fabric.device)


def _steps(phases: pd.DataFrame, finds_lr: bool) -> tuple[float, float]:
    """Return the seconds of all steps, and those of finder and checkpoints."""
    each = phases["steps"] * phases["seconds"]
    checkpoints = 1 + each // CHECKPOINT_EVERY_S
    finder = STEPS * phases["seconds"].iloc[-1] if finds_lr and len(phases) else 0.0
    return float(each.sum()), float(finder + (checkpoints * phases["checkpoint"]).sum())


def _mixed(rows: Rows, labels: Rows) -> Rows:
    """Return rows in an order in which classes take turns, so that any part has several."""
    turn = pd.Series(labels).groupby(labels).cumcount()
    mixed: Rows = rows[np.argsort(turn.to_numpy(), kind="stable")]
    return mixed


def _look(
    encoder: Encoder,
    data: Dataset,
    split: Split,
    rows: Rows,
    config: Pretraining,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> float:
    """Estimate the seconds of one of the monitor's looks."""
    network = METHODS[config.method].network(encoder, config, seed).to(fabric.device)
    probed = choose(data, split, config.probe_label_fraction, seed)
    sampled = min(SAMPLE, len(rows))
    whole = sampled + (len(probed.rows) if probed else 0)

    def look(size: int) -> None:
        share = size / whole
        monitor = Monitor(
            network,
            data,
            split,
            rows[: math.ceil(sampled * share)],
            config.model_copy(update={"probe_label_fraction": config.probe_label_fraction * share}),
            phases={},
            fabric=fabric,
            folder=folder,
            seed=seed,
        )
        monitor.look(0)

    return scaled(look, whole)


def _evidence(
    encoder: Encoder, data: Dataset, shown: Rows, fabric: Fabric, folder: Path, seed: int
) -> float:
    """Estimate the seconds that features before and after, and what is drawn of them, take."""
    features = generator(seed, "features").standard_normal((len(shown), encoder.feature_dim))
    features = features.astype(np.float32)

    def write(size: int) -> None:
        write_evidence(folder, features[:size], features[:size], shown[:size], data, seed=seed)

    embedding = scaled(lambda size: embed_rows(encoder, data, shown[:size], fabric), len(shown))
    return 2 * embedding + scaled(write, len(shown))


def _once(work: Callable[[], object]) -> float:
    return scaled(lambda _: work(), 1)
