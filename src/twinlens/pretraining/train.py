"""Self-supervised pretraining of an encoder on images whose labels are not looked at."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from twinlens.data.batches import Batches, Reader, reader
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import Split, open_split, unlabelled_rows
from twinlens.errors import unknown
from twinlens.files import building
from twinlens.models.encoders import NOT_NORMALISED, Encoder, build_encoder
from twinlens.models.heads import projector
from twinlens.models.weights import load_weights, save_tensors
from twinlens.pretraining.barlow_twins import barlow_twins
from twinlens.pretraining.config import Pretraining, configure
from twinlens.pretraining.simclr import simclr
from twinlens.pretraining.vicreg import vicreg
from twinlens.seeds import derive, generator
from twinlens.training.device import environment, make_fabric
from twinlens.training.loop import CHECKPOINT, Loss, Phase, adamw, choose_lr, train
from twinlens.training.one_cycle import constant, one_cycle
from twinlens.training.record import RUN, command, describe_data, finish, start
from twinlens.types import Embeddings, Images, Rows
from twinlens.views.picture import write_picture
from twinlens.views.recipes import named_pair, normalise, two_views

ENCODER = "encoder.safetensors"

MethodLoss = Callable[[Embeddings, Embeddings, Any], tuple[Tensor, dict[str, Tensor]]]

METHODS: dict[str, MethodLoss] = {
    "barlow_twins": lambda z1, z2, c: barlow_twins(z1, z2, lambda_=c.lambda_, eps=c.eps),
    "simclr": lambda z1, z2, c: simclr(z1, z2, temperature=c.temperature),
    "vicreg": lambda z1, z2, c: vicreg(
        z1, z2, invariance=c.invariance, variance=c.variance, covariance=c.covariance
    ),
}
"""From the embeddings of both views, and the method's numbers in `pretraining.config.SETTINGS`, to
the loss and the terms that are worth watching."""

IMAGES: dict[str, Callable[[Split], Rows]] = {
    "unlabelled": unlabelled_rows,
    "train": lambda split: split.rows["train"],
}
"""Which images a pretraining sees: labels are ignored, test and validation images left out."""


class Twins(nn.Module):
    """Encoder and projector, from two batches of views to two batches of embeddings."""

    def __init__(self, encoder: Encoder, head: nn.Module, *, joint: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = head
        self.joint = joint

    def forward(self, first: Images, second: Images) -> tuple[Embeddings, Embeddings]:
        """Return z and z' of normalised views, each of shape (batch, dim)."""
        if self.joint:
            z1, z2 = self.projector(self.encoder(torch.cat([first, second]))).chunk(2)
            return z1, z2
        return self.projector(self.encoder(first)), self.projector(self.encoder(second))


def pretrain(
    dataset: Path | str,
    out: Path | str,
    *,
    encoder: str = "resnet50",
    weights: str = "random",
    images: str = "unlabelled",
    preset: str = "robust",
    settings: dict[str, Any] | None = None,
    split: str | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Pretrain an encoder: projector alone, learning-rate finder, one-cycle.

    Args:
        dataset: Folder of an imported data set.
        out: Folder to make: encoder.safetensors, run.json, history.parquet, views.png.
        encoder: A name in `ENCODERS`, or ``timm/NAME``.
        weights: "random", a name in `WEIGHTS`, or a file of the encoder's weights.
        images: A name in `IMAGES`.
        preset: "robust", "paper" or "paper-code".
        settings: What differs from the preset; "method" is a name in `METHODS`, the rest fields
            of its model in `pretraining.config.SETTINGS`.
        split: Name of the split; None for the only one.
        seed: Everything random derives from it.
        device: "auto", "cpu", "cuda" or "mps".
        overwrite: Replace `out`.
        resume: Go on with an interrupted attempt.

    Returns:
        The folder `out`.
    """
    config = _checked(preset, settings or {}, images)
    data = open_dataset(dataset)
    chosen = open_split(data, split)
    fabric = make_fabric(config.precision, device)
    request = {
        "kind": "pretrain",
        "encoder": encoder,
        "weights": weights,
        "images": images,
        "preset": preset,
        **config.model_dump(by_alias=True, mode="json"),
        "seed": seed,
        "data_hash": data.hash,
        "split_hash": chosen.hash,
    }
    with building(
        Path(out), marker=RUN, overwrite=overwrite, resume=resume, keep=CHECKPOINT
    ) as folder:
        began = start(folder, request)
        network = build_encoder(encoder, seed)
        loaded = load_weights(network, weights)
        if not config.normalise:
            network.mean, network.std = NOT_NORMALISED
        rows = IMAGES[images](chosen)
        history = _run(network, data, rows, config, fabric=fabric, folder=folder, seed=seed)
        save_tensors(folder / ENCODER, network.state_dict())
        _picture(folder / "views.png", data, rows, config, seed)
        record = {
            "kind": "pretrain",
            "seed": seed,
            "config": request,
            "weights": loaded,
            "normalisation": {"mean": network.mean, "std": network.std},
            "images": len(rows),
            "environment": environment(fabric),
            "data": describe_data(data, chosen),
            "command": command(
                "pretrain",
                dataset,
                out,
                settings,
                encoder=encoder,
                weights=weights,
                images=images,
                preset=preset,
                split=chosen.name,
                seed=seed,
            ),
        }
        finish(folder, record, history, began=began, images_per_step=config.batch_size)
    return Path(out)


def _checked(preset: str, settings: dict[str, Any], images: str) -> Pretraining:
    config = configure(preset, settings, where="Settings of the pretraining")
    named_pair(config.views, config.view_changes)
    if images not in IMAGES:
        raise unknown("choice of images", images, IMAGES)
    return config


def _picture(path: Path, data: Dataset, rows: Rows, config: Pretraining, seed: int) -> None:
    """Show some images, and below each the two views that a step might make of it."""
    some = generator(seed, "picture").choice(rows, size=min(8, len(rows)), replace=False)
    images = reader(data.images, some)(some)
    recipes = named_pair(config.views, config.view_changes)
    views = two_views(images, some, recipes=recipes, seed=seed, step=0)
    write_picture(path, [images, *views])


def _run(
    encoder: Encoder,
    data: Dataset,
    rows: Rows,
    config: Pretraining,
    *,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Train encoder and projector through their phases; the encoder changes in place."""
    head = projector(encoder.feature_dim, config.projector, seed=seed, bias=config.projector_bias)
    twins = Twins(encoder, head, joint=config.joint_forward)
    read = reader(data.images, rows, fabric.device)
    purpose = partial(_loss, read, rows, config, encoder=encoder)

    def phases() -> Iterator[Phase]:
        epoch = len(rows) // config.batch_size
        if config.projector_epochs:
            encoder.requires_grad_(False)
            yield Phase(
                "projector",
                constant(config.projector_epochs * epoch, config.projector_lr),
                adamw(twins, weight_decay=config.weight_decay),
                purpose(seed=derive(seed, "projector phase")),
                frozen=(encoder,) if config.frozen_batchnorm else (),
            )
            encoder.requires_grad_(True)
        if config.epochs:
            optimizer = adamw(twins, weight_decay=config.weight_decay)
            finding = choose_lr(
                config.lr,
                twins,
                optimizer,
                purpose(seed=derive(seed, "lr finder")),
                fallback=config.fallback_lr,
                fabric=fabric,
                folder=folder,
                seed=seed,
            )
            yield Phase(
                "one_cycle",
                one_cycle(config.epochs * epoch, finding.suggestion),
                optimizer,
                purpose(seed=derive(seed, "one-cycle phase")),
            )

    return train(twins, phases(), fabric=fabric, folder=folder, seed=seed)


def _loss(read: Reader, rows: Rows, config: Pretraining, *, encoder: Encoder, seed: int) -> Loss:
    """Return the loss of a step's batch; batches and views depend on seed and step alone."""
    batches = Batches(rows, batch_size=config.batch_size, seed=seed)
    recipes = named_pair(config.views, config.view_changes)

    def loss(twins: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batches.rows(step)
        first, second = two_views(read(batch), batch, recipes=recipes, seed=seed, step=step)
        z1, z2 = twins(
            normalise(first, encoder.mean, encoder.std),
            normalise(second, encoder.mean, encoder.std),
        )
        return METHODS[config.method](z1, z2, config)

    return loss
