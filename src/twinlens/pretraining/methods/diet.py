"""DIET: each image is a class of its own. Ibrahim, Klindt and Balestriero 2024 (arXiv 2302.10260).

DIET-CP (Rodas et al. 2025, arXiv 2509.06990) continues a foundation model with it on 1,000 images.
"""

from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from twinlens.models.encoders import Encoder
from twinlens.models.initialisation import seeded_initialisation
from twinlens.pretraining.method import Method
from twinlens.pretraining.networks import SiameseNetwork, embed_views
from twinlens.pretraining.precision import in_full_precision
from twinlens.settings.pretraining import Pretraining
from twinlens.transfer import to_device
from twinlens.types import Images, Labels, Logits, Rows


@in_full_precision
def diet(
    z1: Logits, z2: Logits, *, images: Labels, label_smoothing: float = 0.8
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its two terms, computed in fp32 (fp64 for fp64 input).

    loss = (H(q, softmax(z)) + H(q, softmax(z'))) / 2, with H the cross-entropy, mean over images

    q gives 1 - s + s / n to the image itself and s / n to each other one of n images.

    Args:
        z1: Logits of the first views over all images of the pretraining, shape (batch, n).
        z2: Likewise of the second views.
        images: Which of the n images each is, shape (batch,).
        label_smoothing: s.

    Returns:
        The loss, and its terms: "accuracy", the share of views whose image is recognised, and
        "floor", the loss that is the least, the entropy of q.
    """
    logits, targets = torch.cat([z1, z2]), images.repeat(2)
    loss = cross_entropy(logits, targets, label_smoothing=label_smoothing)
    n = logits.shape[1]
    smoothed = torch.full((n,), label_smoothing / n, dtype=torch.float64)
    smoothed[0] += 1 - label_smoothing
    return loss, {
        "accuracy": (logits.argmax(dim=1) == targets).float().mean(),
        "floor": torch.special.entr(smoothed).sum().float(),
    }


class DIET(Pretraining):
    """Settings of DIET, which needs no projector, and knows no batch: any size will do.

    Attributes:
        projector: Output dimensions of layers between encoder and classifier; none in the article.
        label_smoothing: Share of the target that all images have in common.
        weight_decay: Decoupled weight decay; biases and normalisation layers have none.
    """

    method: Literal["diet"] = "diet"
    projector: tuple[PositiveInt, ...] = ()
    label_smoothing: float = Field(0.8, ge=0, lt=1)
    weight_decay: NonNegativeFloat = 0.05


class ImageClassifier(SiameseNetwork):
    """An encoder and a linear classifier, without bias, of which image or group a view shows."""

    places: Tensor

    def __init__(self, encoder: Encoder, config: Pretraining, seed: int) -> None:
        super().__init__(encoder, config, seed)
        self.dim = [encoder.feature_dim, *config.projector][-1]

    def prepare(self, rows: Rows, shown: Rows, seed: int) -> None:
        """Build the classifier for the images of the pretraining.

        Args:
            rows: Their row numbers.
            shown: The class of each, from 0: itself, or its group.
            seed: Its initial weights depend on it and on the dimensions alone.
        """
        places = torch.full((int(rows.max()) + 1,), -1)
        places[torch.from_numpy(rows)] = torch.from_numpy(shown)
        self.register_buffer("places", places, persistent=False)
        with seeded_initialisation(seed, "image classifier"):
            self.classifier = nn.Linear(self.dim, int(shown.max()) + 1, bias=False)

    def forward(self, *views: Images) -> tuple[Logits, ...]:
        """Return the logits of normalised views, each of shape (batch, classes)."""
        network = nn.Sequential(self.encoder, self.projector, self.classifier)
        return embed_views(network, views, self.joint)

    def complete(self, outputs: tuple[Tensor, ...], rows: Rows) -> tuple[Tensor, ...]:
        """Add the class of each."""
        here = to_device(torch.from_numpy(rows), outputs[0].device)
        return *outputs, self.places[here]


_PAPER = {"projector": (), "weight_decay": 0.05}

METHOD = Method(
    title="DIET",
    citation="Ibrahim et al. 2024, arXiv 2302.10260",
    settings=DIET,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=lambda z1, z2, images, c: diet(z1, z2, images=images, label_smoothing=c.label_smoothing),
    network=ImageClassifier,
    per_image=True,
    reported={"label_smoothing": "label smoothing"},
)
