"""Fine-tuning with labels: head first, learning-rate finder, one-cycle; or a linear probe."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from lightning_fabric import Fabric
from torch import Tensor, nn

from twinlens.data import splits
from twinlens.data.batches import Batches, reader
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.evaluation.evaluate import BATCH_SIZE, opening, score
from twinlens.evaluation.predict import embed
from twinlens.evaluation.probe import linear_probe
from twinlens.files import building, replacing, write_json
from twinlens.finetuning.config import FineTuning, fine_tuning_config
from twinlens.finetuning.start import starting_encoder
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import Encoder
from twinlens.models.heads import classifier
from twinlens.seeds import derive
from twinlens.training import loop
from twinlens.training.device import environment, make_fabric, precision_of
from twinlens.training.loop import CHECKPOINT, Loss, Phase, adamw, choose_lr
from twinlens.training.one_cycle import constant, one_cycle
from twinlens.training.record import RUN, command, describe_data, finish, start
from twinlens.types import Images, Logits, Rows
from twinlens.views.recipes import named_recipe, normalise, view

MODEL = "model"


class Classifier(nn.Module):
    """Encoder and head, from normalised images to logits."""

    def __init__(self, encoder: Encoder, head: nn.Linear) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, images: Images) -> Logits:
        """Return logits of shape (batch, class)."""
        logits: Logits = self.head(self.encoder(images))
        return logits


def train(
    dataset: Path | str,
    out: Path | str,
    *,
    encoder: str | None = None,
    weights: str = "random",
    pretrained: Path | str | None = None,
    preset: str = "robust",
    settings: dict[str, Any] | None = None,
    split: str | None = None,
    budget: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Train a classifier on the labelled training images, and evaluate it.

    Args:
        dataset: Folder of an imported data set.
        out: Folder to make: model/ (a bundle), metrics.json, predictions.parquet, run.json,
            history.parquet, lr_finder.json.
        encoder: A name in `ENCODERS`, or ``timm/NAME``; None for the pretrained run's, or
            resnet50.
        weights: "random", or a file with the encoder's weights.
        pretrained: Folder of a pretraining run to start from, instead of `weights`.
        preset: A name in `finetuning.config.PRESETS`.
        settings: Fields of `FineTuning` that differ from the preset.
        split: Name of the split; None for the only one.
        budget: Share of the labelled training images to use, in (0, 1].
        seed: Everything random derives from it.
        device: "auto", "cpu", "cuda" or "mps".
        overwrite: Replace `out`.
        resume: Go on with an interrupted attempt.

    Returns:
        The folder `out`.
    """
    config = fine_tuning_config(preset, settings or {}, where="Settings of the fine-tuning")
    recipe = named_recipe(config.views, config.view_changes)
    data = open_dataset(dataset)
    chosen = splits.open_split(data, split)
    rows = splits.budget(data, chosen, budget, derive(seed, "budget"))
    fabric = make_fabric(config.precision, device)
    network, origin = starting_encoder(
        encoder, weights, pretrained, normalise=config.normalise, seed=seed
    )
    request = {
        "kind": "train",
        "encoder": network.name,
        **origin,
        "preset": preset,
        **config.model_dump(mode="json"),
        "budget": budget,
        "seed": seed,
        "data_hash": data.hash,
        "split_hash": chosen.hash,
    }
    with building(
        Path(out), marker=RUN, overwrite=overwrite, resume=resume, keep=CHECKPOINT
    ) as folder:
        began = start(folder, request)
        head, history = _fit(network, data, rows, config, fabric, folder, seed)
        tta = {
            "views": config.tta,
            "clean": config.tta_clean,
            "recipe": recipe.model_dump(mode="json"),
            "seed": derive(seed, "test-time views"),
        }
        _evaluate(network, head, data, chosen, tta, fabric, folder)
        _save_bundle(folder / MODEL, network, head, data, tta, fabric, request)
        tested = len(chosen.rows["test"])
        record = {
            "kind": "train",
            "budget": budget,
            "seed": seed,
            "config": request,
            "images": len(rows),
            "environment": environment(fabric),
            "data": describe_data(data, chosen),
            "test_openings": [opening("test", tested, Path(out).name)] if tested else [],
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
                budget=budget,
                seed=seed,
            ),
        }
        finish(folder, record, history, began=began, images_per_step=config.batch_size)
    return Path(out)


def _fit(
    encoder: Encoder,
    data: Dataset,
    rows: Rows,
    config: FineTuning,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> tuple[nn.Linear, pd.DataFrame]:
    """Train head and encoder, in place, as the tuning says; return the head and the history."""
    if config.tuning == "probe":
        return _probe(encoder, data, rows, config, fabric), pd.DataFrame()
    head = classifier(encoder.feature_dim, len(data.classes), seed)
    model = Classifier(encoder, head)
    return head, _fine_tune(model, data, rows, config, fabric, folder, seed)


def _fine_tune(
    model: Classifier,
    data: Dataset,
    rows: Rows,
    config: FineTuning,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Train the model through its phases, in place."""
    encoder, head = model.encoder, model.head
    loss = partial(_loss, encoder, data, rows, config, fabric.device)

    def phases() -> Iterator[Phase]:
        epoch = len(rows) // config.batch_size
        if config.tuning == "fine_tune" and config.head_epochs:
            encoder.requires_grad_(False)
            yield Phase(
                "head",
                constant(config.head_epochs * epoch, config.head_lr),
                adamw(head, weight_decay=config.weight_decay),
                loss(derive(seed, "head phase")),
                frozen=(encoder,) if config.frozen_batchnorm else (),
            )
            encoder.requires_grad_(True)
        optimizer = adamw(model, weight_decay=config.weight_decay)
        finding = choose_lr(
            config.lr,
            model,
            optimizer,
            loss(derive(seed, "lr finder")),
            fallback=config.fallback_lr,
            fabric=fabric,
            folder=folder,
            seed=seed,
        )
        yield Phase(
            "one_cycle",
            one_cycle(config.epochs * epoch, finding.suggestion),
            optimizer,
            loss(derive(seed, "one-cycle phase")),
        )

    return loop.train(model, phases(), fabric=fabric, folder=folder, seed=seed)


def _loss(
    encoder: Encoder,
    data: Dataset,
    rows: Rows,
    config: FineTuning,
    device: torch.device,
    seed: int,
) -> Loss:
    """Return cross-entropy of a step's batch; batches and views depend on seed and step alone."""
    batches = Batches(data.images, rows, batch_size=config.batch_size, seed=seed, device=device)
    labels = torch.from_numpy(data.labels)
    recipe = named_recipe(config.views, config.view_changes)

    def loss(model: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batches.rows(step)
        views = view(batches.images(batch), batch, recipe=recipe, seed=seed, step=step)
        logits = model(normalise(views, encoder.mean, encoder.std))
        return F.cross_entropy(logits.float(), labels[batch].to(device)), {}

    return loss


def _probe(
    encoder: Encoder, data: Dataset, rows: Rows, config: FineTuning, fabric: Fabric
) -> nn.Linear:
    """Fit a logistic regression to the features of the images themselves."""
    encoder.to(fabric.device)
    features = embed(
        encoder,
        reader(data.images, rows, fabric.device),
        rows,
        size=data.size,
        batch_size=BATCH_SIZE,
        autocast=fabric.autocast,
    )
    return linear_probe(
        features, data.labels[rows], classes=len(data.classes), c=config.probe_c
    ).to(fabric.device)


def _evaluate(
    encoder: Encoder,
    head: nn.Linear,
    data: Dataset,
    split: splits.Split,
    tta: dict[str, Any],
    fabric: Fabric,
    folder: Path,
) -> None:
    """Score validation and test images, and keep metrics and predictions."""
    scores, tables = {}, []
    for part in ("val", "test"):
        rows = split.rows[part]
        if len(rows):
            scores[part], table = score(encoder, head, data, rows, part, tta=tta, fabric=fabric)
            tables.append(table)
    write_json(folder / "metrics.json", scores)
    if tables:
        with replacing(folder / "predictions.parquet") as temporary:
            pd.concat(tables).to_parquet(temporary, index=False)


def _save_bundle(
    folder: Path,
    encoder: Encoder,
    head: nn.Linear,
    data: Dataset,
    tta: dict[str, Any],
    fabric: Fabric,
    request: dict[str, Any],
) -> None:
    info = {
        "classes": data.classes,
        "class_info": data.class_info,
        "size": data.size,
        "tta": tta,
        "precision": precision_of(fabric),
        "provenance": request,
    }
    save_bundle(folder, encoder, head, info)
