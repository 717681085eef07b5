"""Measures a network during its pretraining: probes, effective ranks, dispersion, correlation."""

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from twinlens.data.batches import reader
from twinlens.engine.timing import scaled
from twinlens.errors import UserError
from twinlens.evaluation.features.collapse_metrics import (
    alpha_req,
    effective_rank,
    lidar,
    relative_dispersion,
)
from twinlens.inference.embed import embed_rows
from twinlens.inference.forward import eval_mode
from twinlens.pretraining.job import Job
from twinlens.pretraining.methods.barlow_twins import cross_correlation
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.pretraining.probing import Probed, scores
from twinlens.pretraining.view_plans import pair
from twinlens.records.monitor import Evaluation
from twinlens.seeds import derive
from twinlens.types import Rows
from twinlens.views.view import normalise, planned_views, view

LIDAR_IMAGES, LIDAR_VIEWS = 100, 10
"""Images of which LiDAR sees several views, and how many: the fewest views of its article."""

Shown = Float[Tensor, "shown _"]
"""Features or embeddings of the sample; in a rehearsal, of a part of it."""


def evaluate(
    job: Job,
    network: SiameseNetwork,
    *,
    sample: Rows,
    probed: Probed | None,
    step: int,
    epoch: float,
) -> Evaluation:
    """Measure the network; the result depends on its weights alone.

    Args:
        job: The pretraining.
        network: Its network.
        sample: Images whose features and embeddings are measured, always in the same views.
        probed: Images of the probes; None for no probes.
        step: Steps done.
        epoch: The same in epochs.

    Raises:
        UserError: Features or embeddings are no longer finite.
    """
    h, z1, z2 = _features_and_embeddings(job, network, sample)
    _check_finite(step, h.numpy(), z1.numpy())
    scale = z1.std().clamp(min=torch.finfo(z1.dtype).tiny)  # eps of the loss must not matter
    correlation = cross_correlation(z1 / scale, z2 / scale)
    diagonal = correlation.diagonal()
    others = correlation.square().sum() - diagonal.square().sum()
    linear, knn = None, None
    if probed:
        features = embed_rows(network.encoder, job.data, probed.rows, job.fabric, size=job.size)
        _check_finite(step, features)
        linear, knn = scores(features, job.data.labels[probed.rows], probed.folds)
    return Evaluation(
        step=step,
        epoch=epoch,
        feature_rank=effective_rank(h.numpy()),
        feature_dispersion=relative_dispersion(h.numpy()),
        lidar=lidar(_features_of_views(job, network, sample)),
        alpha_req=alpha_req(h.numpy()),
        embedding_rank=effective_rank(z1.numpy()),
        embedding_dispersion=relative_dispersion(z1.numpy()),
        on_diagonal=float(diagonal.mean()),
        off_diagonal=float((others / max(1, len(diagonal) * (len(diagonal) - 1))).sqrt()),
        linear_probe=linear,
        knn_probe=knn,
    )


@torch.inference_mode()
def _features_and_embeddings(
    job: Job, network: SiameseNetwork, sample: Rows
) -> tuple[Shown, Shown, Shown]:
    """Return the features of the first views, and the embeddings of the first and second."""
    encoder, fabric = network.encoder, job.fabric
    read = reader(job.data.images, sample, fabric.device)
    plan = pair(job.config, job.size)
    seed = derive(job.seed, "monitor")

    def outputs(size: int) -> list[Tensor]:
        parts = []
        for part in np.array_split(sample[:size], -(-size // 256)):
            views = planned_views(read(part), part, plan=plan, seed=seed, step=0)
            with fabric.autocast():
                features = [encoder(normalise(x, encoder.mean, encoder.std)) for x in views]
                parts.append([features[0], *(network.projector(h) for h in features)])
        return [torch.cat(part).float().cpu() for part in zip(*parts, strict=True)]

    with eval_mode(network):
        h, z1, z2 = scaled(outputs, len(sample))
    return h, z1, z2


@torch.inference_mode()
def _features_of_views(
    job: Job, network: SiameseNetwork, sample: Rows
) -> Float[ndarray, "image view feature"]:
    """Return the features of several views of some of the images, drawn by both recipes in turn."""
    encoder, fabric = network.encoder, job.fabric
    shown = sample[:: -(-len(sample) // LIDAR_IMAGES)]
    images = reader(job.data.images, shown, fabric.device)(shown)
    kinds, seed = pair(job.config, job.size), derive(job.seed, "lidar")

    def features(number: int) -> Tensor:
        recipe = kinds[number % 2].recipe
        views = view(images, shown, recipe=recipe, seed=seed, step=0, number=number, size=job.size)
        with fabric.autocast():
            outputs: Tensor = encoder(normalise(views, encoder.mean, encoder.std))
        return outputs.float().cpu()

    def of_views(count: int) -> Tensor:
        return torch.stack([features(number) for number in range(count)], dim=1)

    with eval_mode(network):
        return scaled(of_views, LIDAR_VIEWS).numpy()


def _check_finite(step: int, *outputs: np.ndarray) -> None:
    if not all(np.isfinite(output).all() for output in outputs):
        raise UserError(
            f"After step {step} the features are no longer finite numbers: try a lower learning "
            "rate, or precision fp32."
        )
