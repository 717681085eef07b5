"""The optimiser of every training."""

from collections.abc import Mapping

from torch import nn
from torch.optim import AdamW


def adamw(
    module: nn.Module,
    *,
    weight_decay: float,
    lr_scales: Mapping[str, float] | None = None,
    betas: tuple[float, float] = (0.9, 0.99),
    eps: float = 1e-5,
) -> AdamW:
    """Return fastai's Adam over the parameters that require a gradient.

    Weight decay is decoupled and spares biases and norms (every parameter of one dimension).
    With weight_decay 0 it is Adam.

    Args:
        module: What is trained.
        weight_decay: Of weights.
        lr_scales: Factors of the schedule's learning rate by the name of a parameter; 1 for others.
        betas: Decay of the means of gradient and squared gradient.
        eps: Added to the root of the latter.
    """
    scales = lr_scales or {}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scales.get(name, 1.0), decay), []).append(parameter)
    return AdamW(
        [
            {"params": members, "weight_decay": decay, "lr_scale": scale}
            for (scale, decay), members in groups.items()
        ],
        lr=0.0,
        betas=betas,
        eps=eps,
        fused=True,  # a third faster where the network is small and so is the batch
    )
