"""MixUp and CutMix: images of a batch blended in pairs, and their labels with them."""

import numpy as np
import torch
from numpy.random import Generator

from twinlens.seeds import generator
from twinlens.types import Images


def mix(
    images: Images, *, mixup: float, cutmix: float, seed: int, step: int
) -> tuple[Images, float]:
    """Blend each image with the one at the mirrored place of the batch.

    Batches are shuffled, so the mirrored place is a random partner. One share is drawn for a batch,
    as in both articles; where both methods are on, each batch takes one of them at random.

    Args:
        images: The views of a batch.
        mixup: Alpha of MixUp's Beta(alpha, alpha); 0 for no MixUp (arXiv 1710.09412, equation 1).
        cutmix: The same of CutMix (arXiv 1905.04899, equations 1 and 2).
        seed: Seed of the draws.
        step: Optimiser step.

    Returns:
        The blended images, and the share of each that is its own; the rest is its partner's.
    """
    if not mixup and not cutmix:
        return images, 1.0
    random = generator(seed, "mix", step)
    cut = bool(cutmix) and (not mixup or random.random() < 0.5)
    alpha = cutmix if cut else mixup
    share = float(random.beta(alpha, alpha))
    if not cut:
        return torch.lerp(images.flip(0), images, share), share
    return _cut(images, share, random)


def _cut(images: Images, share: float, random: Generator) -> tuple[Images, float]:
    """Paste a box of the partner, of an area of 1 - share where the border does not clip it."""
    height, width = images.shape[-2:]
    centre = random.random(2) * (height, width)
    half = np.sqrt(1 - share) * np.array([height, width]) / 2
    (top, left), (bottom, right) = (
        np.clip(edge, 0, (height, width)).astype(int) for edge in (centre - half, centre + half)
    )
    blended = images.clone()
    blended[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
    return blended, 1 - float((bottom - top) * (right - left)) / (height * width)
