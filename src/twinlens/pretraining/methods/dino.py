"""DINO: Caron et al. 2021 (arXiv 2104.14294), with multi-crop views."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax, normalize

from twinlens.models.encoders import Encoder
from twinlens.models.initialisation import seeded_initialisation
from twinlens.pretraining.method import Method
from twinlens.pretraining.networks import AnyViews, StudentTeacher, embed_views
from twinlens.pretraining.precision import Terms, in_full_precision
from twinlens.pretraining.view_plans import MultiCrop, multi_crop
from twinlens.types import Embeddings, Rows

GLOBAL = 2
"""Views of the full size, which come first: the teacher sees these alone."""

Scores = Float[Tensor, "batch prototype"]


@in_full_precision
def dino(
    *logits: Scores, targets: tuple[Scores, ...], temperature: float = 0.1
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and what it consists of, computed in fp32 (fp64 for fp64 input).

    loss = mean_{v, u != v} mean_k -sum_i q_vki log p_uki,  p_uk = softmax(s_uk / temperature)

    Equation 3 of the article, as a mean over the pairs of views as in the authors' code. The
    cross-entropy is the entropy of the targets and their divergence from the student. Entropy near
    0 or near the logarithm of the number of prototypes, with hardly any divergence, is a collapse
    (figure 7 of the article).

    Args:
        logits: The student's scores s_u of each view, shape (n, prototypes), global views first.
        targets: The teacher's probabilities q_v of each global view, of the same shape.
        temperature: The student's.

    Returns:
        The loss, and its terms "entropy" and "divergence".
    """
    student = [log_softmax(view / temperature, dim=1) for view in logits]
    pairs = [
        -(q * log_p).sum(dim=1).mean()
        for v, q in enumerate(targets)
        for u, log_p in enumerate(student)
        if u != v
    ]
    loss = torch.stack(pairs).mean()
    entropy = torch.stack([torch.special.entr(q).sum(dim=1).mean() for q in targets]).mean()
    return loss, {"entropy": entropy.detach(), "divergence": (loss - entropy).detach()}


def centred(scores: Scores, centre: Float[Tensor, " prototype"], temperature: float) -> Scores:
    """Return probabilities softmax((scores - centre) / temperature) (equation 1, section 3.1)."""
    return ((scores - centre) / temperature).softmax(dim=1)


def sinkhorn_knopp(scores: Scores, temperature: float, iterations: int = 3) -> Scores:
    """Return probabilities that use all prototypes equally: Sinkhorn-Knopp (2006.09882, eq. 5).

    exp(scores / temperature) is scaled by turns so that all prototypes get the same share of the
    batch, and all images the same share of the prototypes; the latter comes last.

    Args:
        scores: Shape (n, prototypes).
        temperature: The lower, the closer to one prototype for each image.
        iterations: Times that both are scaled.
    """
    log_q = scores / temperature
    for _ in range(iterations):
        log_q = log_softmax(log_q, dim=0)
        log_q = log_softmax(log_q, dim=1)
    return log_q.exp()


class Prototypes(nn.Module):
    """Cosines of embeddings and prototypes: the last, weight-normalised layer of DINO's head."""

    def __init__(self, dim: int, count: int, seed: int) -> None:
        super().__init__()
        with seeded_initialisation(seed, "prototypes"):
            self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(count, dim), std=0.02))

    def forward(self, z: Embeddings) -> Scores:
        """Return the cosine of each embedding, shape (n, dim), with each prototype."""
        return linear(normalize(z, dim=1), normalize(self.weight, dim=1))


class DINO(MultiCrop):
    """Settings of DINO, whose projector ends in the bottleneck before the prototypes.

    Attributes:
        projector: Output dimensions of the projector's layers.
        prototypes: Number of prototypes, over which student and teacher are compared.
        teacher_momentum: Share of itself that the teacher keeps at a step, at the start; it
            rises to 1 along a cosine. The fewer the steps, the lower it should be.
        balance: How the teacher is kept from giving all images one prototype: "centre" subtracts
            the mean score of each prototype, "sinkhorn" gives all of them an equal share of the
            batch, which needs larger batches.
        centre_momentum: Share of itself that the centre keeps at a step.
        student_temperature: Divides the student's cosines.
        teacher_temperature: Divides the teacher's; lower, so that its targets are sharper.
        lr: Maximum learning rate: the article's for 256 images a step. As with BYOL, a loss that
            falls fast is no sign of a good one, so the learning-rate finder is not asked.
    """

    method: Literal["dino"] = "dino"
    projector: tuple[PositiveInt, ...] = Field((1024, 1024, 256), min_length=1)
    prototypes: PositiveInt = 1024
    teacher_momentum: float = Field(0.99, ge=0, lt=1)
    balance: Literal["centre", "sinkhorn"] = "centre"
    centre_momentum: float = Field(0.9, ge=0, lt=1)
    student_temperature: PositiveFloat = 0.1
    teacher_temperature: PositiveFloat = 0.04
    lr: PositiveFloat | Literal["valley"] = 5e-4


class SelfDistillation(StudentTeacher):
    """A student that sees all views, and a teacher that sees the global ones; DINO's network."""

    def __init__(self, encoder: Encoder, config: DINO, seed: int) -> None:
        super().__init__(encoder, config, seed, momentum=config.teacher_momentum)
        dim = config.projector[-1]
        self.prototypes = Prototypes(dim, config.prototypes, seed)
        self.teacher["prototypes"] = Prototypes(dim, config.prototypes, seed).requires_grad_(False)
        self.centre: Tensor
        self.register_buffer("centre", torch.zeros(config.prototypes))
        self.config = config

    def forward(self, *views: AnyViews) -> tuple[Scores, ...]:
        """Return the student's scores of all views, and the teacher's of the global ones."""
        student = nn.Sequential(self.encoder, self.projector, self.prototypes)
        scores = embed_views(student, views, self.joint)
        with torch.no_grad():
            teacher = nn.Sequential(*self.teacher.values())
            return *scores, *embed_views(teacher, views[:GLOBAL], self.joint)

    @torch.no_grad()
    def _targets(self, scores: tuple[Scores, ...]) -> tuple[Scores, ...]:
        """Turn the teacher's scores into probabilities, and move the centre (equation 4)."""
        temperature = self.config.teacher_temperature
        if self.config.balance == "sinkhorn":
            return sinkhorn_knopp(torch.cat(scores), temperature).chunk(GLOBAL)
        targets = tuple(centred(view, self.centre, temperature) for view in scores)
        mean = torch.cat(scores).mean(dim=0).to(self.centre)
        self.centre.lerp_(mean, 1 - self.config.centre_momentum)
        return targets

    def complete(self, outputs: tuple[Tensor, ...], rows: Rows) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Return the student's scores, and the targets; see `SiameseNetwork.complete`."""
        return *outputs[:-GLOBAL], *self._targets(outputs[-GLOBAL:])


def _loss(*arguments: Any) -> Terms:
    *outputs, config = arguments
    targets = tuple(outputs[-GLOBAL:])
    return dino(*outputs[:-GLOBAL], targets=targets, temperature=config.student_temperature)


# The head, the teacher and the views of the article's ResNet-50 and ViT (section 3.2, appendix).
_PAPER = {
    "projector": (2048, 2048, 256),
    "prototypes": 65536,
    "teacher_momentum": 0.996,
    "local_views": 8,
}

METHOD = Method(
    title="DINO",
    citation="Caron et al. 2021, arXiv 2104.14294",
    settings=DINO,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=_loss,
    network=SelfDistillation,
    views=multi_crop,
    reported={
        "prototypes": "prototypes",
        "local_views": "small views",
        "balance": "balance",
        "teacher_momentum": "teacher momentum",
        "teacher_temperature": "teacher temperature",
    },
)
