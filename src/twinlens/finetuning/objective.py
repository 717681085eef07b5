"""The loss of fine-tuning: cross-entropy, and what makes it fair to rare classes."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from jaxtyping import Float
from torch import Tensor

from twinlens.settings.finetuning import FineTuning
from twinlens.types import Labels, Logits, Rows

ClassWeights = Float[Tensor, " class"]


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with the class balance and the label smoothing that the settings ask for.

    Attributes:
        weights: Weight of each class, with a mean of 1 over the training images; None for none.
        offsets: What is added to the logits; None for nothing.
        label_smoothing: Share of the target that is spread evenly over all classes.
    """

    weights: ClassWeights | None = None
    offsets: ClassWeights | None = None
    label_smoothing: float = 0.0

    def __call__(self, logits: Logits, wanted: Labels) -> Tensor:
        """Return the mean loss of a batch, in fp32.

        torch's own mean is over the sum of the batch's weights, which is large just where rare
        classes occur, so that they have less say the smaller the batch. This one divides by what
        that sum is on average.

        Args:
            logits: Of the batch, shape (n, K).
            wanted: The classes, shape (n,).
        """
        logits = logits.float()
        total = F.cross_entropy(
            logits if self.offsets is None else logits + self.offsets,
            wanted,
            weight=self.weights,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total / len(wanted)


def make_objective(
    labels: Rows, classes: int, config: FineTuning, device: torch.device | str = "cpu"
) -> Objective:
    """Return the loss that the settings ask for.

    Args:
        labels: Class numbers of the training images.
        classes: Number of classes.
        config: Its `class_balance` and `label_smoothing`.
        device: Where the logits will be.
    """
    weights = offsets = None
    if config.class_balance == "loss":
        weights = class_weights(labels, classes).to(device)
    elif config.class_balance == "effective_number":
        weights = effective_number_weights(labels, classes).to(device)
    elif config.class_balance == "logit_adjustment":
        offsets = log_prior(labels, classes).to(device)
    return Objective(weights, offsets, config.label_smoothing)


def class_weights(labels: Rows, classes: int) -> ClassWeights:
    """Return weights of the classes: n / (K n_c), for K classes among n images; 0 where n_c is 0.

    Weighted so, every class that occurs has the same say, and their mean over the images is 1.

    Args:
        labels: Class numbers of the training images.
        classes: Number of classes.
    """
    counts = np.bincount(labels, minlength=classes)
    return _mean_one(np.where(counts, 1 / np.maximum(counts, 1), 0), counts)


def effective_number_weights(labels: Rows, classes: int, *, beta: float = 0.999) -> ClassWeights:
    """Return weights (1 - beta) / (1 - beta^n_c), scaled to a mean of 1 over the images.

    They lie between no weights (beta 0) and `class_weights` (beta 1): images of a frequent class
    repeat each other (Cui et al. 2019, arXiv 1901.05555, equation 4).

    Args:
        labels: Class numbers of the training images.
        classes: Number of classes.
        beta: The article's .99 to .9999; 1 - 1/beta is how many images say all of a class.
    """
    counts = np.bincount(labels, minlength=classes)
    effective = (1 - beta ** np.maximum(counts, 1)) / (1 - beta)
    return _mean_one(np.where(counts, 1 / effective, 0), counts)


def _mean_one(weights: np.ndarray, counts: np.ndarray) -> ClassWeights:
    return torch.from_numpy(weights * counts.sum() / (weights @ counts)).float()


def log_prior(labels: Rows, classes: int) -> ClassWeights:
    """Return the log of each class's share, which the logit-adjusted loss adds to the logits.

    Without it at test time, the largest logit is the class that is most likely were all classes
    equally frequent (Menon et al. 2021, arXiv 2007.07314, equation 10 with tau = 1).

    Args:
        labels: Class numbers of the training images; a class without images counts as having one.
        classes: Number of classes.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.from_numpy(np.log(counts / counts.sum())).float()
