"""How an encoder is pretrained: projector alone, learning-rate finder, one-cycle, and a monitor."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from lightning_fabric import Fabric
from torch import Tensor, nn

from twinlens.data.batches import Batches, Reader, reader
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.distributed import gather, share, synchronise_batchnorm
from twinlens.engine.loop import CHECKPOINT, Loss, Phase, adamw, choose_lr, train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.timing import repeated
from twinlens.models.encoders import Encoder
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import Monitor
from twinlens.seeds import derive
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows
from twinlens.views.recipes import named_pair
from twinlens.views.view import normalise, two_views


def fit(
    encoder: Encoder,
    data: Dataset,
    split: Split,
    rows: Rows,
    config: Pretraining,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Pretrain an encoder, in place.

    Args:
        encoder: With its initial weights, on the engine's device.
        data: Where the images are.
        split: Gives the labelled training images for the monitor's probes, and for them alone.
        rows: The images to learn from.
        config: What to do.
        fabric: The engine; of several processes each takes its share of every batch.
        folder: Where checkpoint, lr_finder.json and monitor.json are kept.
        seed: Everything random derives from it.

    Returns:
        A row for each training step.
    """
    epoch = Batches(rows, batch_size=config.batch_size, seed=seed).steps_per_epoch
    network = METHODS[config.method].network(encoder, config, seed)
    synchronise_batchnorm(network, fabric)
    network.to(fabric.device)
    steps = {"projector": config.projector_epochs * epoch, "one_cycle": config.epochs * epoch}
    monitor = Monitor(
        network, data, split, rows, config, phases=steps, fabric=fabric, folder=folder, seed=seed
    )
    if not (folder / CHECKPOINT).exists():
        with repeated(max(1, len(monitor.steps))):
            monitor.look(0)
    read = reader(data.images, rows, fabric.device)
    loss = partial(_loss, encoder, read, rows, config, fabric)

    def phases() -> Iterator[Phase]:
        if steps["projector"]:
            encoder.requires_grad_(False)
            yield Phase(
                "projector",
                constant(steps["projector"], config.projector_lr),
                adamw(network, weight_decay=config.weight_decay),
                loss(derive(seed, "projector phase")),
                frozen=network.encoders if config.frozen_batchnorm else (),
                after_step=lambda _: network.after_step(0.0),
                watch=monitor.watch(0),
            )
            encoder.requires_grad_(True)
        if steps["one_cycle"]:
            optimizer = adamw(network, weight_decay=config.weight_decay)
            finding = choose_lr(
                config.lr,
                network,
                optimizer,
                loss(derive(seed, "lr finder")),
                fallback=config.fallback_lr,
                fabric=fabric,
                folder=folder,
                seed=seed,
                after_step=lambda _: network.after_step(0.0),
            )
            yield Phase(
                "one_cycle",
                one_cycle(steps["one_cycle"], finding.suggestion),
                optimizer,
                loss(derive(seed, "one-cycle phase")),
                after_step=lambda step: network.after_step(step / steps["one_cycle"]),
                watch=monitor.watch(steps["projector"]),
            )

    history = train(network, phases(), fabric=fabric, folder=folder, seed=seed)
    monitor.finish()
    return history


def _loss(
    encoder: Encoder, read: Reader, rows: Rows, config: Pretraining, fabric: Fabric, seed: int
) -> Loss:
    """Return the loss of a step's batch; batches and views depend on seed and step alone."""
    batches = Batches(rows, batch_size=config.batch_size, seed=seed)
    recipes = named_pair(config.views, config.view_changes)

    def loss(network: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = share(fabric, batches.rows(step))
        first, second = two_views(read(batch), batch, recipes=recipes, seed=seed, step=step)
        outputs = network(
            normalise(first, encoder.mean, encoder.std),
            normalise(second, encoder.mean, encoder.std),
        )
        return METHODS[config.method].loss(*map(gather, outputs), config)

    return loss
