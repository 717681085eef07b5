"""Losses in full precision, whatever the precision of the networks before them."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

from twinlens.types import Embeddings

P = ParamSpec("P")
TwoViewLoss = Callable[Concatenate[Embeddings, Embeddings, P], tuple[Tensor, dict[str, Tensor]]]
"""From the embeddings of both views to the loss and the terms that are worth watching."""


def in_full_precision(loss: TwoViewLoss[P]) -> TwoViewLoss[P]:
    """Compute a loss in fp32 (fp64 for fp64 input), with autocast off."""

    @wraps(loss)
    def computed(
        z1: Embeddings, z2: Embeddings, /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(z1.device.type, enabled=False):
            return loss(_full(z1), _full(z2), *args, **kwargs)

    return computed


def _full(z: Embeddings) -> Embeddings:
    return z if z.dtype == torch.float64 else z.float()
