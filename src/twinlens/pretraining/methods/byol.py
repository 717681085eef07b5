"""BYOL: Grill et al. 2020 (arXiv 2006.07733)."""

from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from twinlens.models.encoders import Encoder
from twinlens.models.heads import projector
from twinlens.pretraining.method import Method
from twinlens.pretraining.networks import StudentTeacher, embed_views
from twinlens.pretraining.precision import in_full_precision
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings, Images


@in_full_precision
def byol(
    p1: Embeddings, p2: Embeddings, t1: Embeddings, t2: Embeddings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its two terms, computed in fp32 (fp64 for fp64 input).

    loss = mean_k |p_k / |p_k| - t'_k / |t'_k||^2 + mean_k |p'_k / |p'_k| - t_k / |t_k||^2

    Equation 2 of the article and its symmetric counterpart; each squared distance is
    2 - 2 cos(p_k, t'_k).

    Args:
        p1: The student's predictions from the first views, shape (n, d).
        p2: Likewise from the second views of the same images.
        t1: The teacher's embeddings of the first views, shape (n, d), without a gradient.
        t2: Likewise of the second views.

    Returns:
        The loss, and its terms "first_to_second" and "second_to_first".
    """
    forth, back = distance(p1, t2), distance(p2, t1)
    return forth + back, {"first_to_second": forth.detach(), "second_to_first": back.detach()}


def distance(p: Embeddings, t: Embeddings) -> Tensor:
    """Return the mean squared distance of predictions and targets on the unit sphere."""
    return 2 - 2 * cosine_similarity(p, t, dim=1).mean()


class BYOL(Pretraining):
    """Settings of BYOL, whose projector has two layers and a narrow output.

    Attributes:
        predictor: Dimensions of the predictor's hidden layers; its output is the embedding's.
        teacher_momentum: Share of itself that the teacher keeps at a step, at the start; it
            rises to 1 along a cosine. The fewer the steps, the lower it should be.
        lr: Maximum learning rate. The loss falls fastest where student and teacher agree on a few
            dimensions, so the learning-rate finder suggests rates at which the rank is lost.
    """

    method: Literal["byol"] = "byol"
    projector: tuple[PositiveInt, ...] = Field((1024, 256), min_length=1)
    predictor: tuple[PositiveInt, ...] = (1024,)
    teacher_momentum: float = Field(0.99, ge=0, lt=1)
    lr: PositiveFloat | Literal["valley"] = 5e-4


class StudentPredictor(StudentTeacher):
    """A student whose predictor predicts the teacher's embedding of the other view."""

    def __init__(self, encoder: Encoder, config: BYOL, seed: int) -> None:
        super().__init__(encoder, config, seed, momentum=config.teacher_momentum)
        dim = config.projector[-1]
        self.predictor = projector(
            dim, (*config.predictor, dim), seed=seed, bias=config.projector_bias, name="predictor"
        )

    def forward(self, *views: Images) -> tuple[Embeddings, ...]:
        """Return the student's predictions of both views, and the teacher's embeddings."""
        student = nn.Sequential(self.encoder, self.projector, self.predictor)
        predictions = embed_views(student, views, self.joint)
        with torch.no_grad():
            teacher = nn.Sequential(*self.teacher.values())
            targets = embed_views(teacher, views, self.joint)
        return *predictions, *targets


# The widths and the momentum of the article (section 3.3, appendix C.1).
_PAPER = {"projector": (4096, 256), "predictor": (4096,), "teacher_momentum": 0.996}

METHOD = Method(
    title="BYOL",
    citation="Grill et al. 2020, arXiv 2006.07733",
    settings=BYOL,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=lambda p1, p2, t1, t2, _: byol(p1, p2, t1, t2),
    network=StudentPredictor,
    per_image=True,
    reported={"predictor": "predictor", "teacher_momentum": "teacher momentum"},
)
