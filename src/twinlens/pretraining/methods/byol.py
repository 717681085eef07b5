"""The loss of BYOL, and how its teacher moves: Grill et al. 2020 (arXiv 2006.07733)."""

import math

from torch import Tensor
from torch.nn.functional import cosine_similarity

from twinlens.pretraining.precision import in_full_precision
from twinlens.types import Embeddings


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


def teacher_momentum(progress: float, base: float) -> float:
    """Return the teacher's momentum: from `base` up to 1 along a cosine (section 3.2).

    Args:
        progress: Share of the training that is done, in [0, 1].
        base: The momentum at the start.
    """
    return 1 - (1 - base) * (math.cos(math.pi * progress) + 1) / 2
