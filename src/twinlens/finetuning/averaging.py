"""Averages of a classifier's weights: over the steps, and between start and end."""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from twinlens.finetuning.classifier import Classifier
from twinlens.models.lora import merge_lora
from twinlens.types import Images, Logits


class Averaging(nn.Module):
    """A classifier in training, and the averages of its weights that the settings ask for.

    All are in its state dict, so a checkpoint holds them.
    """

    def __init__(
        self,
        model: Classifier,
        *,
        ema: float,
        wise_ft: float,
        thresholds: nn.Module | None = None,
    ) -> None:
        """Prepare the averages.

        Args:
            model: What is trained.
            ema: Decay of the exponential moving average, in [0, 1); 0 for none.
            wise_ft: Share of the trained weights in the result, see `finish`; 1 for no averaging.
            thresholds: State of `finetuning.fixmatch`, kept with the weights.
        """
        super().__init__()
        self.model = model
        self.wise_ft = wise_ft
        self.thresholds = thresholds
        self.ema = ema
        self.average = deepcopy(model).requires_grad_(False) if ema else None
        self.start = deepcopy(model).requires_grad_(False) if wise_ft < 1 else None
        self.begun: Tensor
        self.register_buffer("begun", torch.tensor(False))

    def forward(self, images: Images) -> Logits:
        """Return the logits of the classifier that is trained."""
        logits: Logits = self.model(images)
        return logits

    def begin(self) -> None:
        """Let the averages start from the weights as they are; resumed, they go on instead."""
        if self.begun:
            return
        for copy in (self.average, self.start):
            if copy is not None:
                copy.load_state_dict(self.model.state_dict())
        self.begun.fill_(True)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Let the moving average follow the weights, after step `step` (from 0).

        Its decay rises from 0 to `ema`, so that early steps are forgotten. BatchNorm's statistics
        are averaged too. No step waits for the device.
        """
        if self.average is None:
            return
        decay = min(self.ema, step / (step + 9))
        ours, theirs = _floating(self.average), _floating(self.model)
        torch._foreach_lerp_(ours, theirs, 1 - decay)

    @torch.no_grad()
    def finish(self, batches: Iterable[Images]) -> None:
        """Give the classifier its final weights, with adapters folded in.

        They are the moving average, if there is one; then, by WiSE-FT (Wortsman et al. 2022, arXiv
        2109.01903, equation 1), the mean of the start (weight 1 - wise_ft) and these.

        Args:
            batches: Normalised training images, from which BatchNorm's statistics are estimated
                again after an interpolation: those of other weights do not fit. Where training
                kept the statistics of the start, so does this.
        """
        if self.average is not None:
            self.model.load_state_dict(self.average.state_dict())
        merge_lora(self.model.encoder)
        if self.start is None:
            return
        merge_lora(self.start.encoder)
        for trained, start in zip(self.model.parameters(), self.start.parameters(), strict=True):
            trained.copy_(torch.lerp(start.to(trained), trained, self.wise_ft))
        both = zip(self.model.buffers(), self.start.buffers(), strict=True)
        if not all(torch.equal(trained, start.to(trained)) for trained, start in both):
            estimate_statistics(self.model, batches)


def batchnorm(module: nn.Module) -> tuple[_BatchNorm, ...]:
    """Return the BatchNorm layers of a module."""
    return tuple(layer for layer in module.modules() if isinstance(layer, _BatchNorm))


def estimate_statistics(model: nn.Module, batches: Iterable[Images]) -> None:
    """Set BatchNorm's statistics to their means over batches; all else is in eval mode.

    torch's `update_bn` would draw stochastic depth meanwhile.
    """
    layers = batchnorm(model)
    if not layers:
        return
    model.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean
    for images in batches:
        model(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _floating(model: nn.Module) -> list[Tensor]:
    """Return the parameters and buffers that can be averaged: not BatchNorm's count of batches."""
    tensors = (*model.parameters(), *model.buffers())
    return [tensor for tensor in tensors if tensor.is_floating_point()]
