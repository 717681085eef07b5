"""Losses in full precision, whatever the precision of the networks before them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, cast

import torch
from torch import Tensor

P = ParamSpec("P")
Terms = tuple[Tensor, dict[str, Tensor]]
"""A loss, and the terms that are worth watching."""


def in_full_precision(loss: Callable[P, Terms]) -> Callable[P, Terms]:
    """Compute a loss of embeddings in fp32 (fp64 for fp64 input), with autocast off."""

    @wraps(loss)
    def computed(*args: P.args, **kwargs: P.kwargs) -> Terms:
        embeddings = cast(tuple[Tensor, ...], args)
        with torch.autocast(embeddings[0].device.type, enabled=False):
            return cast(Any, loss)(*map(_full, embeddings), **kwargs)  # type: ignore[no-any-return]

    return computed


def _full(z: Tensor) -> Tensor:
    return z if z.dtype == torch.float64 else z.float()
