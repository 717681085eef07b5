"""How a classifier is fitted: head first, learning-rate finder, one-cycle; or a linear probe."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from twinlens.data.batches import Batches, Reader, reader, view_keys
from twinlens.data.dataset import Dataset
from twinlens.engine.loop import Loss, Phase, adamw, choose_lr, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.timing import in_proportion
from twinlens.evaluation.probe import linear_probe
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import Encoder
from twinlens.models.heads import HEADS
from twinlens.seeds import derive
from twinlens.settings.finetuning import FineTuning
from twinlens.types import Images, Labels, Logits, Rows
from twinlens.views.recipes import named_recipe
from twinlens.views.view import normalise, view


class Classifier(nn.Module):
    """Encoder and head, from normalised images to logits."""

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, images: Images) -> Logits:
        """Return logits of shape (batch, class)."""
        logits: Logits = self.head(self.encoder(images))
        return logits


def fit(
    encoder: Encoder,
    data: Dataset,
    rows: Rows,
    config: FineTuning,
    fabric: Fabric,
    folder: Path,
    seed: int,
    labelled: int,
) -> tuple[nn.Module, pd.DataFrame]:
    """Train an encoder, in place, and a head for it.

    Args:
        encoder: With its initial weights.
        data: Where the images are.
        rows: The labelled training images.
        config: What to do; `tuning` above all.
        fabric: The engine.
        folder: Where checkpoint and lr_finder.json are kept.
        seed: Everything random derives from it.
        labelled: Number of labelled training images, of which `rows` may be a fraction.

    Returns:
        The head, and a row for each training step (none for a probe).
    """
    if config.tuning == "linear_probe":
        return _probe(encoder, data, rows, config, fabric), pd.DataFrame()
    head = HEADS[config.head](encoder.feature_dim, len(data.classes), seed)
    model = Classifier(encoder, head)
    return head, _head_then_full(model, data, rows, config, fabric, folder, seed, labelled)


def _head_then_full(
    model: Classifier,
    data: Dataset,
    rows: Rows,
    config: FineTuning,
    fabric: Fabric,
    folder: Path,
    seed: int,
    labelled: int,
) -> pd.DataFrame:
    """Train the model through its phases, in place."""
    encoder, head = model.encoder, model.head
    read = reader(data.images, rows, fabric.device)
    weights = None
    if config.class_balance == "loss":
        weights = class_weights(data.labels[rows], len(data.classes)).to(fabric.device)
    loss = partial(_loss, encoder, read, rows, data.labels, weights, config)

    def phases() -> Iterator[Phase]:
        epoch = config.steps_per_epoch(len(rows), labelled)
        if config.tuning == "head_then_full" and config.head_epochs:
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
            Phase("lr_finder", constant(0, 0.0), optimizer, loss(derive(seed, "lr finder"))),
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

    return train(model, phases(), fabric=fabric, folder=folder, seed=seed)


def class_weights(labels: Rows, classes: int) -> Float[Tensor, " class"]:
    """Return weights of the classes: n / (K n_c), for K classes among n images; 0 where n_c is 0.

    Weighted so, every class that occurs has the same say, and their mean over the images is 1.

    Args:
        labels: Class numbers of the training images.
        classes: Number of classes.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.from_numpy(np.where(counts, weights, 0)).float()


def weighted_cross_entropy(logits: Logits, wanted: Labels, weights: Tensor | None) -> Tensor:
    """Return the mean over a batch of weighted cross-entropies, in fp32.

    torch's own mean is over the sum of the batch's weights, which is large just where rare classes
    occur, so that they have less say the smaller the batch. This one divides by what that sum is
    on average.

    Args:
        logits: Of the batch, shape (n, K).
        wanted: The classes, shape (n,).
        weights: As `class_weights` gives them, with a mean of 1; None for no weights.
    """
    total = F.cross_entropy(logits.float(), wanted, weight=weights, reduction="sum")
    return total / len(wanted)


def _loss(
    encoder: Encoder,
    read: Reader,
    rows: Rows,
    labels: Rows,
    weights: Tensor | None,
    config: FineTuning,
    seed: int,
) -> Loss:
    """Return cross-entropy of a step's batch; batches and views depend on seed and step alone."""
    balance = labels[rows] if config.class_balance == "sampler" else None
    batches = Batches(rows, batch_size=config.batch_size, seed=seed, labels=balance)
    recipe = named_recipe(config.views, config.view_changes)

    def loss(model: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batches.rows(step)
        keys = view_keys(batch, len(labels))
        views = view(read(batch), keys, recipe=recipe, seed=seed, step=step)
        logits = model(normalise(views, encoder.mean, encoder.std))
        wanted: Labels = torch.from_numpy(labels[batch]).to(logits.device)
        return weighted_cross_entropy(logits, wanted, weights), {}

    return loss


def _probe(
    encoder: Encoder, data: Dataset, rows: Rows, config: FineTuning, fabric: Fabric
) -> nn.Linear:
    """Fit a logistic regression to the features of the images themselves."""
    encoder.to(fabric.device)
    with in_proportion():
        head = linear_probe(
            embed_rows(encoder, data, rows, fabric),
            data.labels[rows],
            classes=len(data.classes),
            c=config.probe_c,
            balanced=config.probe_balanced,
        )
    return head.to(fabric.device)
