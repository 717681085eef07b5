"""The Barlow Twins loss: Zbontar et al. 2021 (arXiv 2103.03230); equation 1 of the paper."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from twinlens.pretraining.method import Method
from twinlens.pretraining.precision import in_full_precision
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings


@in_full_precision
def barlow_twins(
    z1: Embeddings, z2: Embeddings, *, lambda_: float | None = None, eps: float = 1e-5
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its two terms, computed in fp32 (fp64 for fp64 input).

    loss = sum_i (C_ii - 1)^2 + lambda sum_{i != j} C_ij^2

    Args:
        z1: Embeddings of the first views, shape (n, d).
        z2: Embeddings of the second views of the same images, shape (n, d).
        lambda_: Weight of the redundancy term; None for 1/d.
        eps: Added to the variance in the standardisation; 0 for none.

    Returns:
        The loss, and its terms "invariance" and "redundancy" (without lambda) with the
        redundancy's "floor".
    """
    n, d = z1.shape
    C = cross_correlation(z1, z2, eps=eps)
    diagonal = C.diagonal()
    invariance = (diagonal - 1).square().sum()
    redundancy = C.square().sum() - diagonal.square().sum()
    loss = invariance + (1 / d if lambda_ is None else lambda_) * redundancy
    return loss, {
        "invariance": invariance.detach(),
        "redundancy": redundancy.detach(),
        "floor": torch.tensor(redundancy_floor(n, d)),
    }


def cross_correlation(
    z1: Embeddings, z2: Embeddings, *, eps: float = 1e-5
) -> Float[Tensor, "dim dim"]:
    """Return C = standardise(z1)^T standardise(z2) / n, shape (d, d)."""
    return standardise(z1, eps=eps).T @ standardise(z2, eps=eps) / len(z1)


def standardise(z: Embeddings, *, eps: float = 1e-5) -> Embeddings:
    """Give every dimension mean 0 and (biased) standard deviation 1 over the batch."""
    centred = z - z.mean(dim=0)
    return centred / (centred.square().mean(dim=0) + eps).sqrt()


def redundancy_floor(n: int, d: int) -> float:
    """Return the least redundancy that n images can have in d dimensions.

    Standardised columns span at most n - 1 dimensions. Where both views agree, C is a positive
    matrix of trace d and rank at most n - 1, so the sum of its squares is at least d^2 / (n - 1),
    of which the diagonal holds d.
    """
    return max(0.0, d * d / (n - 1) - d) if n > 1 else 0.0


class BarlowTwins(Pretraining):
    """Settings of Barlow Twins.

    Attributes:
        lambda_: Weight of the redundancy term, written `lambda` in files; null for 1/d.
        eps: Added to the variance where embeddings are standardised.
    """

    method: Literal["barlow_twins"] = "barlow_twins"
    lambda_: PositiveFloat | None = Field(0.0051, alias="lambda")
    eps: NonNegativeFloat = 1e-5


_PAPER = {"projector": (8192, 8192, 8192), "lambda": None}

METHOD = Method(
    title="Barlow Twins",
    citation="Zbontar et al. 2021, arXiv 2103.03230",
    settings=BarlowTwins,
    presets={"paper": _PAPER, "paper-code": _PAPER | {"eps": 0.0}},
    loss=lambda z1, z2, c: barlow_twins(z1, z2, lambda_=c.lambda_, eps=c.eps),
    reported={"lambda": "λ"},
)
