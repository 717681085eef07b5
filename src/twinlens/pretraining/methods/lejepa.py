"""LeJEPA: Balestriero and LeCun 2025 (arXiv 2511.08544), with SIGReg and multi-crop views."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn.functional import normalize

from twinlens.pretraining.method import Method
from twinlens.pretraining.precision import Terms, in_full_precision
from twinlens.pretraining.view_plans import MultiCrop, multi_crop
from twinlens.transfer import to_device
from twinlens.types import Embeddings

GLOBAL = 2
"""Views of the full size, which come first: their mean is what all views predict."""

T_MAX, POINTS = 5.0, 17
"""The integral's end, and its points from -T_MAX to T_MAX, as in the article's listing."""

Directions = Float[Tensor, "dim direction"]
"""Unit vectors, one in each column."""


@in_full_precision
def lejepa(
    *z: Embeddings, directions: Directions, lambda_: float = 0.05
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its two terms, computed in fp32 (fp64 for fp64 input).

    loss = (1 - lambda) mean_{v, k, i} (z_vki - m_ki)^2 + lambda mean_v SIGReg(z_v)
    m_k = mean_{v global} z_vk

    v runs over all views, also the global ones (the first loss of lightly left these out: its pull
    request 2023). The article's equation sums over the dimensions in the first term; its listing,
    for which the default weight is meant, takes the mean as written here.

    Args:
        z: Embeddings of each view, shape (n, d), the `GLOBAL` ones first.
        directions: Unit vectors that SIGReg projects on, shape (d, m).
        lambda_: Weight of SIGReg.

    Returns:
        The loss, and its terms "prediction" and "sigreg" without their weights.
    """
    views = torch.stack(z)
    prediction = (views - views[:GLOBAL].mean(dim=0)).square().mean()
    gaussian = torch.stack([sigreg(view, directions) for view in views]).mean()
    loss = (1 - lambda_) * prediction + lambda_ * gaussian
    return loss, {"prediction": prediction.detach(), "sigreg": gaussian.detach()}


def sigreg(z: Embeddings, directions: Directions) -> Tensor:
    """Return how far embeddings are from an isotropic Gaussian of variance 1.

    SIGReg(z) = mean_a n integral |f_a(t) - exp(-t^2 / 2)|^2 w(t) dt,  w(t) = exp(-t^2 / 2)
    f_a(t) = mean_k exp(i t <a, z_k>)

    The statistic of Epps and Pulley, averaged over directions a: section 4.2 of the article, and
    its listing, whose w is that of sigma^2 = 2 in the formula. The integrand is even, so the half
    from 0 on is computed, by the trapezoidal rule.

    Args:
        z: Embeddings, shape (n, d).
        directions: a, in columns, shape (d, m).
    """
    t = torch.linspace(0, T_MAX, POINTS // 2 + 1, dtype=z.dtype, device=z.device)
    gaussian = torch.exp(-t.square() / 2)
    angles = (z @ directions.to(z))[:, :, None] * t
    gap = (angles.cos().mean(dim=0) - gaussian).square() + angles.sin().mean(dim=0).square()
    return len(z) * 2 * torch.trapezoid(gap * gaussian, t, dim=1).mean()


def draw_directions(dim: int, count: int) -> Directions:
    """Draw unit vectors by torch's global generator, which the training loop seeds at each step.

    So all processes draw the same, and a resumed run those of an unbroken one.
    """
    return normalize(torch.randn(dim, count), dim=0)


class LeJEPA(MultiCrop):
    """Settings of LeJEPA.

    Attributes:
        projector: Output dimensions of the projector's layers.
        lambda_: Weight of SIGReg, written `lambda` in files; that of the prediction is the rest.
        directions: Number of directions that SIGReg draws at each step.
    """

    method: Literal["lejepa"] = "lejepa"
    projector: tuple[PositiveInt, ...] = Field((1024, 1024, 128), min_length=1)
    lambda_: float = Field(0.05, alias="lambda", gt=0, lt=1)
    directions: PositiveInt = 256


def _loss(*arguments: Any) -> Terms:
    *z, config = arguments
    directions = to_device(draw_directions(z[0].shape[1], config.directions), z[0].device)
    return lejepa(*z, directions=directions, lambda_=config.lambda_)


# The views and widths of the article (section 6, and the authors' README).
_PAPER = {"projector": (2048, 2048, 128), "local_views": 6, "directions": 1024}

METHOD = Method(
    title="LeJEPA",
    citation="Balestriero and LeCun 2025, arXiv 2511.08544",
    settings=LeJEPA,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=_loss,
    views=multi_crop,
    reported={"lambda": "λ", "directions": "directions", "local_views": "small views"},
)
