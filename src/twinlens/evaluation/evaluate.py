"""Evaluating a model on a part of a split: metrics and per-image predictions."""

from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric import Fabric
from torch import nn

from twinlens.console import say
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.leakage import refuse_other_split, transductive
from twinlens.data.splits import open_split
from twinlens.data.table import SPLITS
from twinlens.errors import UserError, unknown
from twinlens.evaluation.metrics import metrics
from twinlens.evaluation.predict import predict, predictions_table
from twinlens.files import building, replacing, write_json
from twinlens.models.bundle import load_bundle
from twinlens.models.encoders import Encoder
from twinlens.training.device import environment, make_fabric
from twinlens.types import Rows
from twinlens.views.recipes import ViewRecipe

BATCH_SIZE = 256


def score(
    encoder: Encoder,
    head: nn.Module,
    data: Dataset,
    rows: Rows,
    part: str,
    *,
    tta: dict[str, Any],
    fabric: Fabric,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Predict labelled images and compare with their labels.

    Args:
        encoder: On the engine's device.
        head: Likewise.
        data: Where the images are.
        rows: Which images.
        part: Name of the split's part that they are, for the table.
        tta: Test-time augmentation as a bundle stores it: views, clean, recipe, seed.
        fabric: The engine.

    Returns:
        Metrics (see `metrics`) and the table of predictions (see `predictions_table`).
    """
    probabilities = predict(
        encoder,
        head,
        reader(data.images, rows, fabric.device),
        rows,
        size=data.size,
        recipe=ViewRecipe.model_validate(tta["recipe"]),
        views=tta["views"],
        clean=tta["clean"],
        seed=tta["seed"],
        batch_size=BATCH_SIZE,
        autocast=fabric.autocast,
    )
    found = metrics(data.labels[rows], probabilities, data.classes)
    return found, predictions_table(data, rows, part, probabilities)


def evaluate(
    model: Path | str,
    dataset: Path | str,
    *,
    split: str = "test",
    tta: int | None = None,
    out: Path | str | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Evaluate a model bundle on a part of a data set.

    Args:
        model: Folder of the bundle.
        dataset: Folder of the data set; its classes must be the model's.
        split: The part, such as ``test``; ``NAME:test`` where there are several splits.
        tta: Number of views to average; None for the model's own.
        out: Folder to make, for metrics.json and predictions.parquet; None for none.
        device: "auto", "cpu", "cuda" or "mps".
        overwrite: Replace `out`.

    Returns:
        The metrics; see `twinlens.evaluation.metrics.metrics`.

    Raises:
        UserError: Model and data do not fit, or there is no such part.
    """
    bundle, data = load_bundle(Path(model)), open_dataset(dataset)
    _check_fit(bundle.info, data)
    if tta is not None and tta < 1:
        raise UserError(f"--tta {tta} must be 1 or more: 1 is the image alone.")
    name, _, part = split.rpartition(":")
    if part not in SPLITS:
        raise unknown("part of a split", part, SPLITS)
    chosen = open_split(data, name or None)
    refuse_other_split(data, chosen, bundle.info["provenance"], what=str(model))
    if notice := transductive(bundle.info["provenance"]):
        say(notice)
    rows = chosen.rows[part]
    if not len(rows):
        raise UserError(f"The part '{part}' of the split of {dataset} is empty.")
    fabric = make_fabric(bundle.info["precision"], device)
    views = bundle.info["tta"] | ({"views": tta} if tta else {})
    encoder, head = bundle.encoder.to(fabric.device), bundle.head.to(fabric.device)
    found, table = score(encoder, head, data, rows, part, tta=views, fabric=fabric)
    if out is not None:
        with building(Path(out), marker="evaluation.json", overwrite=overwrite) as folder:
            write_json(folder / "metrics.json", {part: found})
            with replacing(folder / "predictions.parquet") as temporary:
                table.to_parquet(temporary, index=False)
            about = {
                "model": str(model),
                "data": {"path": str(dataset), "hash": data.hash},
                "tta": views,
                "environment": environment(fabric),
            }
            write_json(folder / "evaluation.json", about)
    return found


def _check_fit(info: dict[str, Any], data: Dataset) -> None:
    if info["classes"] != data.classes:
        raise UserError(
            f"The model knows the classes {', '.join(info['classes'])}, but {data.path} has "
            f"{', '.join(data.classes)}: evaluate it on data with the same classes."
        )
    if info["size"] != data.size:
        raise UserError(
            f"The model was trained at {info['size']} px, but {data.path} holds {data.size} px: "
            f"import the images again with --size {info['size']}."
        )
