"""The network of a pretraining: an encoder and a projector that both views pass through."""

import torch
from torch import nn

from twinlens.models.encoders import Encoder
from twinlens.models.heads import projector
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings, Images


class SiameseNetwork(nn.Module):
    """Encoder and projector, from two batches of views to two batches of embeddings."""

    def __init__(self, encoder: Encoder, config: Pretraining, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector(
            encoder.feature_dim, config.projector, seed=seed, bias=config.projector_bias
        )
        self.joint = config.joint_forward

    def forward(self, first: Images, second: Images) -> tuple[Embeddings, ...]:
        """Return z and z' of normalised views, each of shape (batch, dim)."""
        return embed_both(nn.Sequential(self.encoder, self.projector), first, second, self.joint)

    @property
    def encoders(self) -> tuple[nn.Module, ...]:
        """All encoders, for a phase that freezes them."""
        return (self.encoder,)

    def after_step(self, progress: float) -> None:
        """Follow an optimiser step; `progress` is the share of all steps that are done."""


def embed_both(
    network: nn.Module, first: Images, second: Images, joint: bool
) -> tuple[Embeddings, Embeddings]:
    """Pass both views through a network, one after the other or as one batch."""
    if joint:
        z1, z2 = network(torch.cat([first, second])).chunk(2)
        return z1, z2
    return network(first), network(second)
