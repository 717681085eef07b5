"""The VICReg loss: Bardes, Ponce and LeCun 2022 (arXiv 2105.04906), as in their code."""

from typing import Literal

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn.functional import mse_loss, relu

from twinlens.pretraining.method import Method
from twinlens.pretraining.precision import in_full_precision
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings


@in_full_precision
def vicreg(
    z1: Embeddings,
    z2: Embeddings,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    gamma: float = 1.0,
    eps: float = 1e-4,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its three terms, computed in fp32 (fp64 for fp64 input).

    loss = invariance mean_{k, i} (z_ki - z'_ki)^2
           + variance (v(z) + v(z')) / 2 + covariance (c(z) + c(z'))

    The equation of the article sums over the dimensions in the first term and does not halve the
    second; the authors' code, for which the default weights are meant, does as written here.

    Args:
        z1: Embeddings of the first views, shape (n, d), n > 1.
        z2: Embeddings of the second views of the same images, shape (n, d).
        invariance: Weight of the distance between both views.
        variance: Weight of the hinge on the standard deviations.
        covariance: Weight of the covariances.
        gamma: The standard deviation below which the hinge acts.
        eps: Added to the variance under the root.

    Returns:
        The loss, and its terms "invariance", "variance" and "covariance" without their weights.
    """
    distance = mse_loss(z1, z2)
    hinge = (variance_hinge(z1, gamma, eps) + variance_hinge(z2, gamma, eps)) / 2
    spill = covariances(z1) + covariances(z2)
    loss = invariance * distance + variance * hinge + covariance * spill
    return loss, {
        "invariance": distance.detach(),
        "variance": hinge.detach(),
        "covariance": spill.detach(),
    }


def variance_hinge(z: Embeddings, gamma: float = 1.0, eps: float = 1e-4) -> Tensor:
    """Return v(z) = mean_i max(0, gamma - sqrt(Var(z_i) + eps)), with the unbiased variance."""
    return relu(gamma - (z.var(dim=0) + eps).sqrt()).mean()


def covariances(z: Embeddings) -> Tensor:
    """Return c(z) = 1/d sum_{i != j} Cov(z)_ij^2, with the unbiased covariance."""
    n, d = z.shape
    centred = z - z.mean(dim=0)
    C = centred.T @ centred / (n - 1)
    return (C.square().sum() - C.diagonal().square().sum()) / d


class VICReg(Pretraining):
    """Settings of VICReg: the weights of its terms.

    Attributes:
        invariance: Weight of the distance between both views.
        variance: Weight of the hinge on the standard deviations.
        covariance: Weight of the covariances.
    """

    method: Literal["vicreg"] = "vicreg"
    invariance: NonNegativeFloat = 25.0
    variance: NonNegativeFloat = 25.0
    covariance: NonNegativeFloat = 1.0


_PAPER = {"projector": (8192, 8192, 8192)}

METHOD = Method(
    title="VICReg",
    citation="Bardes, Ponce and LeCun 2022, arXiv 2105.04906",
    settings=VICReg,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=lambda z1, z2, c: vicreg(
        z1, z2, invariance=c.invariance, variance=c.variance, covariance=c.covariance
    ),
    reported={"invariance": "invariance", "variance": "variance", "covariance": "covariance"},
)
