"""The loss of SimCLR, NT-Xent: Chen, Kornblith, Norouzi and Hinton 2020 (arXiv 2002.05709)."""

import math
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import normalize

from twinlens.pretraining.method import Method
from twinlens.pretraining.precision import in_full_precision
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Embeddings


@in_full_precision
def simclr(
    z1: Embeddings, z2: Embeddings, *, temperature: float = 0.5
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its two terms, computed in fp32 (fp64 for fp64 input).

    loss = mean_i -log(exp(s_ip / t) / sum_{k != i} exp(s_ik / t))

    i runs over the 2n views, p is the other view of the same image, s_ik the cosine of the
    embeddings of i and k, and t the temperature.

    Args:
        z1: Embeddings of the first views, shape (n, d).
        z2: Embeddings of the second views of the same images, shape (n, d).
        temperature: t, on the scale of the cosine.

    Returns:
        The loss, and its terms "alignment", (1 - s_ip) / t, and "uniformity", the rest, with the
        loss's "floor".
    """
    n = len(z1)
    z = normalize(torch.cat([z1, z2]), dim=1)
    similarity = z @ z.T / temperature
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    alignment = 1 / temperature - similarity.diagonal(n).mean()
    among = similarity.masked_fill(itself, -math.inf).logsumexp(dim=1)
    uniformity = among.mean() - 1 / temperature
    return alignment + uniformity, {
        "alignment": alignment.detach(),
        "uniformity": uniformity.detach(),
        "floor": torch.tensor(contrast_floor(n, temperature)),
    }


def contrast_floor(n: int, temperature: float) -> float:
    """Return the least loss that n images can have.

    By Jensen's inequality the loss is at least log(1 + (2n - 2) exp((m - p) / t)), with p the mean
    cosine of the pairs and m that of all others. The square of the sum of all embeddings is not
    negative, so m >= -(1 + p) / (2n - 2); p = 1 gives the least. It is reached where both views
    agree and the images are the corners of a simplex, which takes n - 1 dimensions.
    """
    return math.log1p((2 * n - 2) * math.exp(-n / ((n - 1) * temperature))) if n > 1 else 0.0


class SimCLR(Pretraining):
    """Settings of SimCLR, whose projector has two layers and a narrow output.

    Attributes:
        temperature: Divides the cosines; the lower, the more the nearest other images count.
    """

    method: Literal["simclr"] = "simclr"
    projector: tuple[PositiveInt, ...] = Field((1024, 128), min_length=1)
    temperature: PositiveFloat = 0.5


_PAPER = {"projector": (2048, 128)}

METHOD = Method(
    title="SimCLR",
    citation="Chen et al. 2020, arXiv 2002.05709",
    settings=SimCLR,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=lambda z1, z2, c: simclr(z1, z2, temperature=c.temperature),
    reported={"temperature": "temperature"},
)
