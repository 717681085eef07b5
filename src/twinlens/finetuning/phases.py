"""How a classifier is fitted: head first, learning-rate finder, one-cycle; or a linear probe."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from twinlens.data.batches import Batches, Reader, reader, view_keys
from twinlens.engine.loop import CHECKPOINT, Loss, Phase, adamw, choose_lr, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.timing import in_proportion
from twinlens.evaluation.probe import linear_probe
from twinlens.finetuning.averaging import Averaging, batchnorm
from twinlens.finetuning.classifier import Classifier
from twinlens.finetuning.image_sizes import progressive_sizes
from twinlens.finetuning.job import Job
from twinlens.finetuning.learning_rates import lr_scales
from twinlens.finetuning.mixing import mix
from twinlens.finetuning.objective import make_objective
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import Encoder
from twinlens.models.heads import HEADS
from twinlens.models.lora import merge_lora
from twinlens.models.trainable import choose_trainable
from twinlens.seeds import derive
from twinlens.types import Images, Labels
from twinlens.views.recipes import named_recipe
from twinlens.views.view import clean_view, normalise, view

_BELOW = 5.0
"""How far the logit of a class without images is below the mean of the others'."""


def fit(encoder: Encoder, job: Job) -> tuple[nn.Module, pd.DataFrame]:
    """Train an encoder, in place, and a head for it.

    Args:
        encoder: With its initial weights.
        job: What to do; `tuning` of its settings above all.

    Returns:
        The head, and a row for each training step (none for a probe).
    """
    if job.config.tuning == "linear_probe":
        return _probe(encoder, job), pd.DataFrame()
    head = _initial_head(encoder, job)
    history = _head_then_full(Classifier(encoder, head), job)
    return head, history


def _initial_head(encoder: Encoder, job: Job) -> nn.Module:
    """Return a head of random weights, or the probe from which LP-FT starts (2202.10054)."""
    if job.config.head_init == "probe" and not (job.folder / CHECKPOINT).exists():
        return bound_absent(_probe(encoder, job))
    return HEADS[job.config.head](encoder.feature_dim, len(job.data.classes), job.seed)


@torch.no_grad()
def bound_absent(head: nn.Linear) -> nn.Linear:
    """Give a class that a probe has seen no image of a finite logit, below the others' mean.

    The probe's is the lowest number there is, which a loss would not survive.
    """
    absent = head.bias < torch.finfo(head.bias.dtype).min / 4
    head.weight[absent] = head.weight[~absent].mean(dim=0)
    head.bias[absent] = head.bias[~absent].mean() - _BELOW
    return head


def _head_then_full(model: Classifier, job: Job) -> pd.DataFrame:
    """Train the model through its phases, in place."""
    config, fabric, seed = job.config, job.fabric, job.seed
    encoder, head = model.encoder, model.head
    choose_trainable(encoder, config.trainable, rank=config.lora_rank, seed=seed)
    training = Averaging(model, ema=config.ema, wise_ft=config.wise_ft)
    read = reader(job.data.images, job.rows, fabric.device)
    loss = partial(_loss, job, encoder, read)

    def phases() -> Iterator[Phase]:
        epoch = job.steps_per_epoch
        if config.tuning == "head_then_full" and config.head_init == "random":
            with _frozen(encoder):
                yield Phase(
                    "head",
                    constant(config.head_epochs * epoch, config.head_lr),
                    adamw(head, weight_decay=config.weight_decay),
                    loss(derive(seed, "head phase")),
                    frozen=(encoder,) if config.frozen_batchnorm else (),
                )
        training.begin()
        optimizer = adamw(
            model, weight_decay=config.weight_decay, lr_scales=lr_scales(model, config)
        )
        statistics = batchnorm(encoder) if config.fixed_statistics else ()
        finder = Phase(
            "lr_finder",
            constant(0, 0.0),
            optimizer,
            loss(derive(seed, "lr finder")),
            frozen=statistics,
        )
        finding = choose_lr(
            config.lr,
            training,
            finder,
            fallback=config.fallback_lr,
            fabric=fabric,
            folder=job.folder,
            seed=seed,
        )
        yield Phase(
            "one_cycle",
            one_cycle(config.epochs * epoch, finding.suggestion),
            optimizer,
            loss(derive(seed, "one-cycle phase"), start=config.progressive_from),
            frozen=statistics,
            after_step=lambda _: training.after_step(),
        )

    history = train(training, phases(), fabric=fabric, folder=job.folder, seed=seed)
    training.finish(_batches(encoder, read, job))
    merge_lora(encoder)
    return history


@contextmanager
def _frozen(encoder: Encoder) -> Iterator[None]:
    """Train none of the encoder's parameters for a while."""
    trained = [p for p in encoder.parameters() if p.requires_grad]
    encoder.requires_grad_(False)
    yield
    for parameter in trained:
        parameter.requires_grad_(True)


def _batches(encoder: Encoder, read: Reader, job: Job) -> Iterator[Images]:
    """Yield the normalised training images once, in batches."""
    for batch in np.array_split(job.rows, ceil(len(job.rows) / job.config.batch_size)):
        yield normalise(clean_view(read(batch), job.size), encoder.mean, encoder.std)


def _loss(job: Job, encoder: Encoder, read: Reader, seed: int, *, start: int | None = None) -> Loss:
    """Return the loss of a step's batch; batches and views depend on seed and step alone.

    Args:
        job: What is trained on what.
        encoder: Gives the normalisation.
        read: Reads the images of `job.rows`.
        seed: Of batches and views.
        start: Size of the views at the beginning, see `progressive_sizes`.
    """
    config, labels = job.config, job.data.labels
    balance = labels[job.rows] if config.class_balance == "sampler" else None
    batches = Batches(job.rows, batch_size=config.batch_size, seed=seed, labels=balance)
    recipe = named_recipe(config.views, config.view_changes)
    objective = make_objective(
        labels[job.rows], len(job.data.classes), config, device=job.fabric.device
    )
    sizes = progressive_sizes(start, job.size, config.epochs * job.steps_per_epoch)

    def loss(model: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batches.rows(step)
        keys = view_keys(batch, len(labels))
        size = sizes[step % len(sizes)]
        views = view(read(batch), keys, recipe=recipe, seed=seed, step=step, size=size)
        views, share = mix(views, mixup=config.mixup, cutmix=config.cutmix, seed=seed, step=step)
        logits = model(normalise(views, encoder.mean, encoder.std))
        wanted: Labels = torch.from_numpy(labels[batch]).to(logits.device)
        own = objective(logits, wanted)
        if share == 1:
            return own, {}
        return share * own + (1 - share) * objective(logits, wanted.flip(0)), {}

    return loss


def _probe(encoder: Encoder, job: Job) -> nn.Linear:
    """Fit a logistic regression to the features of the images themselves."""
    encoder.to(job.fabric.device)
    with in_proportion():
        head = linear_probe(
            embed_rows(encoder, job.data, job.rows, job.fabric, size=job.size),
            job.data.labels[job.rows],
            classes=len(job.data.classes),
            c=job.config.probe_c,
            balanced=job.config.probe_balanced,
        )
    return head.to(job.fabric.device)
