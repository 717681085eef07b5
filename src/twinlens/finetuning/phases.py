"""How a classifier is fitted: head first, learning-rate finder, one-cycle; or a linear probe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from twinlens.console import say
from twinlens.data.batches import ids_of, reader
from twinlens.engine.loop import CHECKPOINT, choose_lr, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Loss, Phase
from twinlens.engine.timing import in_proportion
from twinlens.evaluation.features.probe import linear_probe
from twinlens.finetuning.averaging import Averaging, batchnorm, estimate_statistics
from twinlens.finetuning.classifier import Classifier
from twinlens.finetuning.divergence import loss_rose
from twinlens.finetuning.fixmatch import AdaptiveThreshold, fixmatch
from twinlens.finetuning.job import Job
from twinlens.finetuning.labelled_batches import LabelledBatch, batches_of, labelled_batches
from twinlens.finetuning.learning_rates import lr_scales
from twinlens.finetuning.pseudo_labels import with_pseudo_labels
from twinlens.inference.embed import clean_batches, embed_rows
from twinlens.models.encoders import Encoder
from twinlens.models.heads import HEADS
from twinlens.models.trainable import choose_trainable
from twinlens.seeds import derive
from twinlens.types import Images

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
    if job.config.semi == "pseudo_label":
        job = with_pseudo_labels(encoder, job, fit)
    head = _initial_head(encoder, job)
    history = _head_then_full(Classifier(encoder, head), job)
    return head, history


def _initial_head(encoder: Encoder, job: Job) -> nn.Module:
    """Return a head of random weights, or the probe from which LP-FT starts (2202.10054)."""
    if job.config.head_init == "probe" and not (job.folder / CHECKPOINT).exists():
        return bound_absent(_probe(_as_trained(encoder, job), job))
    return HEADS[job.config.head](encoder.feature_dim, len(job.data.classes), job.seed)


@torch.no_grad()
def _as_trained(encoder: Encoder, job: Job) -> Encoder:
    """Return an encoder of the features that training begins with, for the head to start from.

    Training normalises by the statistics of its batches. A head that was fitted to features by
    those of the weights begins with a loss several times that of guessing, and undoes the weights
    that it should keep.
    """
    if job.config.fixed_statistics or not batchnorm(encoder):
        return encoder
    adapted = deepcopy(encoder).to(job.fabric.device)
    estimate_statistics(adapted, _clean_batches(adapted, job))
    return adapted


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
    adaptive = config.semi == "fixmatch" and config.semi_threshold == "adaptive"
    thresholds = AdaptiveThreshold(len(job.data.classes)) if adaptive else None
    training = Averaging(model, ema=config.ema, wise_ft=config.wise_ft, thresholds=thresholds)
    read = reader(job.data.images, job.rows, job.fabric.device)
    labelled = partial(labelled_batches, job, encoder, read)

    def phases() -> Iterator[Phase]:
        epoch = job.steps_per_epoch
        statistics = batchnorm(encoder) if config.fixed_statistics else ()
        head_first = config.tuning == "head_then_full" and config.head_init == "random"
        if head_first and config.head_epochs:
            with _frozen(encoder):
                yield Phase(
                    "head",
                    constant(config.head_epochs * epoch, config.head_lr),
                    adamw(head, weight_decay=config.weight_decay),
                    _supervised(labelled(derive(seed, "head phase"))),
                    images=ids_of(batches_of(job, derive(seed, "head phase")), job.data.table),
                    frozen=(encoder,) if config.frozen_batchnorm else statistics,
                )
        training.begin()
        optimizer = adamw(
            model, weight_decay=config.weight_decay, lr_scales=lr_scales(model, config)
        )
        finder = Phase(
            "lr_finder",
            constant(0, 0.0),
            optimizer,
            _supervised(labelled(derive(seed, "lr finder"))),
            images=ids_of(batches_of(job, derive(seed, "lr finder")), job.data.table),
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
        named = derive(seed, "one-cycle phase")
        batches = labelled(named, start=config.progressive_from)
        yield Phase(
            "one_cycle",
            one_cycle(config.epochs * epoch, finding.suggestion),
            optimizer,
            fixmatch(job, encoder, batches, thresholds, named)
            if config.semi == "fixmatch"
            else _supervised(batches),
            images=ids_of(batches_of(job, named), job.data.table),
            frozen=statistics,
            after_step=training.after_step,
        )

    history = train(training, phases(), fabric=fabric, folder=job.folder, seed=seed)
    training.finish(_clean_batches(encoder, job))
    if loss_rose(history, config.epochs):
        say(
            "WARNING: The loss of the last epoch is no lower than that of the first, so this model "
            "may have learned little: lower the learning rate (lr), or let it be found (lr=valley)."
        )
    return history


def _clean_batches(encoder: Encoder, job: Job) -> Iterator[Images]:
    """Yield the normalised training images in batches of the training's size."""
    return clean_batches(
        encoder, job.data, job.rows, job.fabric, size=job.size, batch_size=job.config.batch_size
    )


@contextmanager
def _frozen(encoder: Encoder) -> Iterator[None]:
    """Train none of the encoder's parameters for a while."""
    trained = [p for p in encoder.parameters() if p.requires_grad]
    encoder.requires_grad_(False)
    yield
    for parameter in trained:
        parameter.requires_grad_(True)


def _supervised(labelled: Callable[[int], LabelledBatch]) -> Loss:
    """Return the loss of a step's labelled batch."""

    def loss(model: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        images, loss_of = labelled(step)
        return loss_of(model(images)), {}

    return loss


def _probe(encoder: Encoder, job: Job) -> nn.Linear:
    """Fit a logistic regression to the features of the images themselves."""
    encoder.to(job.fabric.device)
    with in_proportion():
        head = linear_probe(
            embed_rows(encoder, job.data, job.rows, job.fabric, size=job.size),
            job.labels[job.rows],
            classes=len(job.data.classes),
            c=job.config.probe_c,
            balanced=job.config.probe_balanced,
        )
    return head.to(job.fabric.device)
