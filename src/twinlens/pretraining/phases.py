"""The phases of a pretraining: projector alone, learning-rate finder, one-cycle training."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from torch import Tensor, nn

from twinlens.data.batches import Batches, PackReader, ahead, ids_of, reader
from twinlens.engine.distributed import gather, shard, synchronise_batchnorm
from twinlens.engine.loop import CHECKPOINT, choose_lr, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Loss, Phase
from twinlens.engine.timing import repeated
from twinlens.models.lora import merge_lora
from twinlens.models.trainable import choose_trainable
from twinlens.pretraining.job import Job
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import Monitor
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.seeds import derive
from twinlens.types import Images, Rows
from twinlens.views.view import normalise, planned_views


def run_phases(job: Job) -> pd.DataFrame:
    """Pretrain an encoder, in place.

    Returns:
        One row per training step.
    """
    encoder, config, fabric, seed = job.encoder, job.config, job.fabric, job.seed
    epoch = Batches(job.rows, batch_size=config.batch_size, seed=seed).steps_per_epoch
    choose_trainable(encoder, config.trainable, rank=config.lora_rank, seed=seed)
    network = METHODS[config.method].network(encoder, config, seed)
    trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    shown = job.partners.groups if job.partners else np.arange(len(job.rows))
    network.prepare(job.rows, shown, seed)
    synchronise_batchnorm(network, fabric)
    network.to(fabric.device)
    steps = {"projector": config.projector_epochs * epoch, "one_cycle": config.epochs * epoch}
    monitor = Monitor(job, network, steps)
    if not (job.folder / CHECKPOINT).exists():
        with repeated(max(1, len(monitor.steps))):
            monitor.evaluate(0)
    read = reader(job.data.images, job.rows, fabric.device)
    loss = partial(_loss, job, network, read)

    def ids(named: int) -> Callable[[int], list[str]]:
        batches = Batches(job.rows, batch_size=config.batch_size, seed=named)
        return ids_of(batches, job.data.table)

    def phases() -> Iterator[Phase]:
        if steps["projector"]:
            _require_gradients(trained, False)
            yield Phase(
                "projector",
                constant(steps["projector"], config.projector_lr),
                adamw(network, weight_decay=config.weight_decay),
                loss(derive(seed, "projector phase")),
                images=ids(derive(seed, "projector phase")),
                frozen=network.encoders if config.frozen_batchnorm else (),
                after_step=lambda _: network.after_step(0.0),
                should_stop=monitor.after(0),
            )
            _require_gradients(trained, True)
        if steps["one_cycle"]:
            optimizer = adamw(network, weight_decay=config.weight_decay)
            trial = Phase(
                "lr_finder",
                constant(0, 0.0),
                optimizer,
                loss(derive(seed, "lr finder")),
                images=ids(derive(seed, "lr finder")),
                after_step=lambda _: network.after_step(0.0),
            )
            result = choose_lr(
                config.lr,
                network,
                trial,
                fallback=config.fallback_lr,
                fabric=fabric,
                folder=job.folder,
                seed=seed,
            )
            yield Phase(
                "one_cycle",
                one_cycle(steps["one_cycle"], result.suggestion),
                optimizer,
                loss(derive(seed, "one-cycle phase")),
                images=ids(derive(seed, "one-cycle phase")),
                after_step=lambda step: network.after_step(step / steps["one_cycle"]),
                should_stop=monitor.after(steps["projector"]),
            )

    history = train(network, phases(), fabric=fabric, folder=job.folder, seed=seed)
    monitor.finish()
    merge_lora(encoder)
    return history


def _require_gradients(parameters: Iterable[nn.Parameter], required: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(required)


def _loss(job: Job, network: SiameseNetwork, read: PackReader, seed: int) -> Loss:
    """Return the loss of a step's batch; batches and views depend on seed and step alone."""
    encoder, config, fabric = job.encoder, job.config, job.fabric
    batches = Batches(job.rows, batch_size=config.batch_size, seed=seed)
    method, plan = METHODS[config.method], job.plan

    def read_step(step: int) -> tuple[Rows, Rows, Images, Images | None]:
        rows = batches.rows(step)
        batch = shard(fabric, rows)
        partners = read(job.partners.of(batch, seed=seed, step=step)) if job.partners else None
        return rows, batch, read(batch), partners

    load = ahead(read_step, resident=read.resident)

    def loss(wrapped: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        rows, batch, images, partners = load(step)
        views = planned_views(images, batch, plan=plan, seed=seed, step=step, partners=partners)
        network.at_step(batch, seed=seed, step=step)
        outputs = wrapped(*(normalise(view, encoder.mean, encoder.std) for view in views))
        if method.per_image:
            return method.loss(*network.complete(outputs, batch), config)
        return method.loss(*network.complete(tuple(map(gather, outputs)), rows), config)

    return loss
