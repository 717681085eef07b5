"""The network that fine-tuning trains: an encoder and a head."""

import torch
from torch import nn

from twinlens.models.encoders import Encoder
from twinlens.types import Images, Logits


class Classifier(nn.Module):
    """Encoder and head, from normalised images to logits."""

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, images: Images) -> Logits:
        """Return logits of shape (batch, class), which the head computes in fp32.

        A head that starts as a logistic regression subtracts large numbers, see
        `evaluation.features.probe.linear_probe`.
        """
        features = self.encoder(images)
        with torch.autocast(images.device.type, enabled=False):
            logits: Logits = self.head(features.float())
        return logits
