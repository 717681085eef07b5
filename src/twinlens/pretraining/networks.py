"""The networks of a pretraining: an encoder and a projector that all views pass through."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twinlens.models.encoders import Encoder
from twinlens.models.heads import projector
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings, Images, Rows

AnyViews = Float[Tensor, "batch 3 _ _"]
"""Views of which others of the same images may have another size."""


class SiameseNetwork(nn.Module):
    """Encoder and projector, from batches of views to as many batches of embeddings."""

    def __init__(self, encoder: Encoder, config: Pretraining, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector(
            encoder.feature_dim, config.projector, seed=seed, bias=config.projector_bias
        )
        self.joint = config.joint_forward

    def forward(self, *views: AnyViews) -> tuple[Tensor, ...]:
        """Return the embeddings of normalised views, each of shape (batch, dim)."""
        return embed_views(nn.Sequential(self.encoder, self.projector), views, self.joint)

    def prepare(self, rows: Rows, shown: Rows, seed: int) -> None:
        """Build what depends on the images, before training.

        Args:
            rows: Row numbers of all images of the pretraining.
            shown: Number, from 0, of what each shows: the image, or its group if groups are pairs.
            seed: The run's seed.
        """

    def at_step(self, rows: Rows, *, seed: int, step: int) -> None:
        """Learn which images come next, and what random numbers depend on, before `forward`.

        Args:
            rows: Row numbers of this process's images.
            seed: Seed of the phase.
            step: Its step.
        """

    def complete(self, outputs: tuple[Tensor, ...], rows: Rows) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Return what the loss takes, from the outputs for the whole batch of all processes.

        Args:
            outputs: What `forward` returned, gathered unless the method is `per_image`.
            rows: Row number of each image that they are for.
        """
        return outputs

    @property
    def encoders(self) -> tuple[nn.Module, ...]:
        """All encoders, for a phase that freezes them."""
        return (self.encoder,)

    def after_step(self, progress: float) -> None:
        """Follow an optimiser step; `progress` is the share of all steps that are done."""


class StudentTeacher(SiameseNetwork):
    """A student, and a teacher that follows it slowly.

    The teacher's weights are the moving average of the student's; its BatchNorm statistics are
    its own, from its own forward passes, as in the code of BYOL's and DINO's authors.
    """

    def __init__(
        self, encoder: Encoder, config: Pretraining, seed: int, *, momentum: float
    ) -> None:
        """Copy the student; `momentum` is what the teacher keeps of itself at the first step."""
        super().__init__(encoder, config, seed)
        self.teacher = nn.ModuleDict(
            {"encoder": deepcopy(encoder), "projector": deepcopy(self.projector)}
        ).requires_grad_(False)
        self.momentum = momentum

    @property
    def encoders(self) -> tuple[nn.Module, ...]:
        """The student's encoder and the teacher's."""
        return self.encoder, self.teacher["encoder"]

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student (equation 1 of BYOL's article)."""
        momentum = teacher_momentum(progress, self.momentum)
        for name, part in self.teacher.items():
            student: nn.Module = getattr(self, name)
            theirs: list[Tensor] = [*student.parameters()]
            torch._foreach_lerp_([*part.parameters()], theirs, 1 - momentum)


def teacher_momentum(progress: float, base: float) -> float:
    """Return the teacher's momentum: from `base` up to 1 along a cosine (BYOL, section 3.2).

    Args:
        progress: Share of the training that is done, in [0, 1].
        base: The momentum at the start.
    """
    return 1 - (1 - base) * (math.cos(math.pi * progress) + 1) / 2


def embed_views(
    network: Callable[[Images], Embeddings], views: Sequence[AnyViews], joint: bool
) -> tuple[Embeddings, ...]:
    """Pass views through a network: one after the other, or those of one size as one batch."""
    if not joint:
        return tuple(network(view) for view in views)
    outputs: list[Embeddings] = []
    for _, alike in groupby(views, key=lambda view: view.shape):
        batch = list(alike)
        outputs += network(torch.cat(batch)).chunk(len(batch))
    return tuple(outputs)
