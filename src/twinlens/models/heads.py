"""Networks on top of an encoder: the projector in pretraining, the classifier in training."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from twinlens.models.initialisation import seeded_initialisation

MLP_DIMS = (4096, 1000, 512)


def projector(
    feature_dim: int,
    dims: Sequence[int] = (8192, 8192, 8192),
    *,
    seed: int,
    bias: bool = False,
    name: str = "projector",
) -> nn.Sequential:
    """Build the projector: Linear layers with BatchNorm and ReLU between them.

    The last layer has no BatchNorm, because the loss of Barlow Twins standardises its output
    itself (Zbontar et al. 2021, section 2.2).

    Args:
        feature_dim: Length of the encoder's features.
        dims: Output dimension of each Linear layer; the last is the embedding's.
        seed: The weights depend on it, on the name and on the dimensions alone.
        bias: Whether the Linear layers have a bias.
        name: Name of its seed; BYOL's predictor has the same layers.
    """
    layers: list[nn.Module] = []
    with seeded_initialisation(seed, name):
        for inputs, outputs in pairwise([feature_dim, *dims]):
            layers += [nn.Linear(inputs, outputs, bias=bias), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-2])


def classifier(feature_dim: int, classes: int, seed: int) -> nn.Linear:
    """Build the classifier: one Linear layer from features to logits.

    Args:
        feature_dim: Length of the encoder's features.
        classes: Number of classes.
        seed: The weights depend on it and on the dimensions alone, so that the arms of a study
            start from the same head.
    """
    with seeded_initialisation(seed, "classifier"):
        return nn.Linear(feature_dim, classes)


def mlp_classifier(feature_dim: int, classes: int, seed: int) -> nn.Sequential:
    """Build the classifier of Khan et al. (2023): fully connected layers of `MLP_DIMS` and classes.

    The paper gives only the sizes; we chose ReLU between the layers, and no dropout.

    Args:
        feature_dim: Length of the encoder's features.
        classes: Number of classes.
        seed: As for `classifier`.
    """
    layers: list[nn.Module] = []
    with seeded_initialisation(seed, "classifier"):
        for inputs, outputs in pairwise([feature_dim, *MLP_DIMS, classes]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


HEADS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "linear": classifier,
    "mlp": mlp_classifier,
}
"""Classifiers by name, as functions of feature_dim, classes and seed.

A plain dict and not a registry, since the entries share this file.
"""
