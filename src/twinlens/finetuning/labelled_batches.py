"""The labelled images of each step: their views, and the loss of their logits."""

from collections.abc import Callable

import torch
from torch import Tensor

from twinlens.data.batches import Batches, PackReader, ahead, view_keys
from twinlens.finetuning.image_sizes import progressive_sizes
from twinlens.finetuning.job import Job
from twinlens.finetuning.mixing import mix
from twinlens.finetuning.objective import make_objective
from twinlens.models.encoders import Encoder
from twinlens.transfer import to_device
from twinlens.types import Images, Labels, Logits, Rows
from twinlens.views.recipes import named_recipe
from twinlens.views.view import normalise, view

LabelledBatch = tuple[Images, Callable[[Logits], Tensor]]
"""Normalised views of a batch, and the function from their logits to the loss."""


def batches_of(job: Job, seed: int) -> Batches:
    """Return the batches of a training's labelled images, balanced if its settings say so."""
    balance = job.labels[job.rows] if job.config.class_balance == "sampler" else None
    return Batches(job.rows, batch_size=job.config.batch_size, seed=seed, labels=balance)


def labelled_batches(
    job: Job, encoder: Encoder, read: PackReader, seed: int, *, start: int | None = None
) -> Callable[[int], LabelledBatch]:
    """Return a function of the step that returns its labelled batch.

    Batches and views depend on seed and step alone.

    Args:
        job: What is trained on what.
        encoder: Gives the normalisation.
        read: Reads the images.
        seed: Of batches and views.
        start: Size of the views at the beginning, see `progressive_sizes`.
    """
    config, labels, device = job.config, job.labels, job.fabric.device
    batches = batches_of(job, seed)
    recipe = named_recipe(config.views, config.view_changes)
    objective = make_objective(labels[job.rows], len(job.data.classes), config, device)
    sizes = progressive_sizes(start, job.size, config.epochs * job.steps_per_epoch)

    def read_step(step: int) -> tuple[Rows, Images]:
        rows = batches.rows(step)
        return rows, read(rows)

    load = ahead(read_step, resident=read.resident)

    def batch_of(step: int) -> LabelledBatch:
        batch, images = load(step)
        keys, size = view_keys(batch, len(labels)), sizes[step % len(sizes)]
        views = view(images, keys, recipe=recipe, seed=seed, step=step, size=size)
        views, share = mix(views, mixup=config.mixup, cutmix=config.cutmix, seed=seed, step=step)
        wanted: Labels = to_device(torch.from_numpy(labels[batch]), device)

        def loss(logits: Logits) -> Tensor:
            own = objective(logits, wanted)
            if share == 1:
                return own
            return share * own + (1 - share) * objective(logits, wanted.flip(0))

        return normalise(views, encoder.mean, encoder.std), loss

    return batch_of
