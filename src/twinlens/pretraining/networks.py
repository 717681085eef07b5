"""What a pretraining trains: an encoder, and what sits on top of it."""

from copy import deepcopy

import torch
from torch import nn

from twinlens.models.encoders import Encoder
from twinlens.models.heads import projector
from twinlens.pretraining.config import BYOL, Pretraining
from twinlens.pretraining.methods.byol import teacher_momentum
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
        return _both(nn.Sequential(self.encoder, self.projector), first, second, self.joint)

    @property
    def encoders(self) -> tuple[nn.Module, ...]:
        """All encoders, for a phase that freezes them."""
        return (self.encoder,)

    def after_step(self, progress: float) -> None:
        """Follow an optimiser step; `progress` is the share of all steps that are done."""


class StudentTeacher(SiameseNetwork):
    """BYOL's pair: a student with a predictor, and a teacher that follows it slowly.

    The teacher's weights are the moving average of the student's; its BatchNorm statistics are
    its own, from its own forward passes, as in the authors' code.
    """

    def __init__(self, encoder: Encoder, config: Pretraining, seed: int) -> None:
        super().__init__(encoder, config, seed)
        assert isinstance(config, BYOL)
        dim = config.projector[-1]
        self.predictor = projector(
            dim, (*config.predictor, dim), seed=seed, bias=config.projector_bias, name="predictor"
        )
        self.teacher = nn.ModuleDict(
            {"encoder": deepcopy(encoder), "projector": deepcopy(self.projector)}
        ).requires_grad_(False)
        self.momentum = config.teacher_momentum

    def forward(self, first: Images, second: Images) -> tuple[Embeddings, ...]:
        """Return the student's predictions of both views, and the teacher's embeddings."""
        student = nn.Sequential(self.encoder, self.projector, self.predictor)
        predictions = _both(student, first, second, self.joint)
        with torch.no_grad():
            teacher = nn.Sequential(self.teacher["encoder"], self.teacher["projector"])
            targets = _both(teacher, first, second, self.joint)
        return *predictions, *targets

    @property
    def encoders(self) -> tuple[nn.Module, ...]:
        """The student's encoder and the teacher's."""
        return self.encoder, self.teacher["encoder"]

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student (equation 1 of the article)."""
        momentum = teacher_momentum(progress, self.momentum)
        for name, part in self.teacher.items():
            student = getattr(self, name)
            for ours, theirs in zip(part.parameters(), student.parameters(), strict=True):
                ours.lerp_(theirs, 1 - momentum)


def _both(
    network: nn.Module, first: Images, second: Images, joint: bool
) -> tuple[Embeddings, Embeddings]:
    """Pass both views through a network, one after the other or as one batch."""
    if joint:
        z1, z2 = network(torch.cat([first, second])).chunk(2)
        return z1, z2
    return network(first), network(second)
