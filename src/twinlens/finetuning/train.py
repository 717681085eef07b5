"""Training a classifier from few labels: fitted, evaluated, and kept as a run."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric import Fabric
from torch import nn

from twinlens.config import from_preset
from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.device import environment, make_fabric, precision_of
from twinlens.engine.loggers import check_loggers, logging
from twinlens.engine.run_folder import command, describe_data, finish, running
from twinlens.evaluation.evaluate import score
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.files import atomic_file, write_json
from twinlens.finetuning.config import PRESETS, FineTuning
from twinlens.finetuning.initial_encoder import starting_encoder
from twinlens.finetuning.phases import fit
from twinlens.finetuning.preview import VIEWS, write_views
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import Encoder
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction as label_fraction_rows
from twinlens.views.recipes import named_recipe

MODEL = "model"


def train(
    dataset: Path | str,
    out: Path | str,
    *,
    encoder: str | None = None,
    weights: str = "random",
    pretrained: Path | str | None = None,
    preset: str = "recommended",
    settings: dict[str, Any] | None = None,
    split: str | None = None,
    label_fraction: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    loggers: Sequence[str] = (),
    test_access: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Train a classifier on the labelled training images, and evaluate it.

    Args:
        dataset: Folder of an imported data set.
        out: Folder to make: model/ (a bundle), metrics.json, predictions.parquet, run.json,
            history.parquet, lr_finder.json, views.png. The csv logger adds history.csv and
            metrics.csv.
        encoder: A name in `ENCODERS`, or ``timm/NAME``; None for the pretrained run's, or
            resnet50.
        weights: "random", a name in `WEIGHTS`, or a file of the encoder's weights.
        pretrained: Folder of a pretraining run to start from, instead of `weights`.
        preset: A name in `finetuning.config.PRESETS`.
        settings: Fields of `FineTuning` that differ from the preset.
        split: Name of the split; None for the only one.
        label_fraction: Share of the labelled training images to use, in (0, 1].
        seed: Everything random derives from it.
        device: "auto", "cpu", "cuda" or "mps".
        loggers: Names in `LOGGERS`, beside "csv"; they determine nothing.
        test_access: The log of who looked at test images to add to; None for one in `out`.
        overwrite: Replace `out`.
        resume: Go on with an interrupted attempt.

    Returns:
        The folder `out`.
    """
    began = time.monotonic()
    config = from_preset(
        FineTuning, PRESETS, preset, settings or {}, where="Settings of the fine-tuning"
    )
    check_loggers(loggers)
    recipe = named_recipe(config.views, config.view_changes)
    data, chosen = open_task(dataset, split, config.classes)
    rows = label_fraction_rows(data, chosen, label_fraction, derive(seed, "label_fraction"))
    fabric = make_fabric(config.precision, device)
    network, origin = starting_encoder(
        encoder,
        weights,
        pretrained,
        data=data,
        split=chosen,
        normalise=config.normalise,
        seed=seed,
    )
    request = {
        "kind": "train",
        "encoder": network.name,
        **origin,
        "preset": preset,
        **config.model_dump(mode="json"),
        "label_fraction": label_fraction,
        "seed": seed,
        "data_hash": data.hash,
        "split_hash": chosen.hash,
    }
    with (
        running(fabric, Path(out), request, overwrite=overwrite, resume=resume) as folder,
        logging(fabric, loggers, folder, Path(out).name, request),
    ):
        write_views(folder / VIEWS, data, rows, recipe, seed)
        head, history = fit(network, data, rows, config, fabric, folder, seed)
        tta = test_time(config, seed)
        log = test_access or folder / TEST_ACCESS
        by = Path(out).name
        scores = _evaluate(network, head, data, chosen, tta, fabric, folder, log=log, by=by)
        if scores:
            fabric.log_dict(_final(scores), len(history))
        _save_bundle(folder / MODEL, network, head, data, tta, fabric, request)
        record = {
            "kind": "train",
            "label_fraction": label_fraction,
            "seed": seed,
            "config": request,
            "images": len(rows),
            "environment": environment(fabric),
            "data": describe_data(data, chosen),
            "command": command(
                "train",
                dataset,
                out,
                settings,
                encoder=encoder,
                weights=None if pretrained else weights,
                pretrained=pretrained,
                preset=preset,
                split=chosen.name,
                label_fraction=label_fraction,
                seed=seed,
            ),
        }
        finish(folder, record, history, began=began, images_per_step=config.batch_size)
    return Path(out)


def test_time(config: FineTuning, seed: int) -> dict[str, Any]:
    """Return test-time augmentation as a bundle stores it."""
    return {
        "views": config.tta,
        "clean": config.tta_clean,
        "recipe": named_recipe(config.views, config.view_changes).model_dump(mode="json"),
        "seed": derive(seed, "test-time views"),
    }


def _evaluate(
    encoder: Encoder,
    head: nn.Module,
    data: Dataset,
    split: Split,
    tta: dict[str, Any],
    fabric: Fabric,
    folder: Path,
    *,
    log: Path,
    by: str,
) -> dict[str, Any]:
    """Score validation and test images, keep metrics and predictions, and return the metrics."""
    scores, tables = {}, []
    for part in ("val", "test"):
        rows = split.rows[part]
        if len(rows):
            if part == "test":
                log_test_access(log, images=len(rows), by=by)
            scores[part], table = score(encoder, head, data, rows, part, tta=tta, fabric=fabric)
            tables.append(table)
    write_json(folder / "metrics.json", scores)
    if tables:
        with atomic_file(folder / "predictions.parquet") as temporary:
            pd.concat(tables).to_parquet(temporary, index=False)
    return scores


def _final(scores: dict[str, Any]) -> dict[str, float]:
    return {
        f"metrics/{part}/{name}": found[name] for part, found in scores.items() for name in METRICS
    }


def _save_bundle(
    folder: Path,
    encoder: Encoder,
    head: nn.Module,
    data: Dataset,
    tta: dict[str, Any],
    fabric: Fabric,
    request: dict[str, Any],
) -> None:
    info = {
        "classes": data.classes,
        "class_info": data.class_info,
        "size": data.size,
        "head": request["head"],
        "tta": tta,
        "precision": precision_of(fabric),
        "provenance": request,
    }
    save_bundle(folder, encoder, head, info)
