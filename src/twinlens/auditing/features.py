"""Features of all images of a data set, by the encoder that the user names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.data.dataset import Dataset
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.predict import embed_rows
from twinlens.models.encoders import build_encoder
from twinlens.models.weights import load_weights
from twinlens.pretraining.pretrained_encoder import pretrained_encoder


@dataclass(frozen=True)
class EncoderSource:
    """The encoder whose features are compared, if any, and where it runs.

    Attributes:
        encoder: Name of an encoder; None for that of the first pretraining run.
        weights: Its weights: a file, or the name of published weights.
        pretrained: Folders of pretraining runs.
        device: auto, cpu, cuda or mps.
    """

    encoder: str | None = None
    weights: str = "random"
    pretrained: tuple[Path | str, ...] = ()
    device: str = "auto"


def compute_features(
    dataset: Dataset, source: EncoderSource, batch_size: int = 256
) -> tuple[Float[ndarray, "image feature"] | None, str | None]:
    """Compute the features of every image of a data set.

    Args:
        dataset: The images.
        source: The encoder.
        batch_size: Images per forward pass.

    Returns:
        The features and a description of the encoder; None and None if there are no images, or no
        encoder is named.

    Raises:
        UserError: There are weights without an encoder, an encoder without weights, or no images
            to compute features of.
    """
    encoder, weights = source.encoder, source.weights
    if encoder is None and weights != "random":
        raise UserError(f"--weights {weights} needs --encoder: name the network that they are for.")
    if encoder is not None and weights == "random":
        raise UserError(
            f"--encoder {encoder} needs --weights: features of random weights tell nothing about "
            "similarity."
        )
    if encoder is not None and dataset.table_only:
        raise UserError(f"{dataset.path} has no images to compute features of: omit --encoder.")
    if dataset.table_only or (encoder is None and not source.pretrained):
        return None, None
    if encoder is not None:
        network, description = build_encoder(encoder, seed=0), f"{encoder}, weights {weights}"
        load_weights(network, weights)
    else:
        run = Path(source.pretrained[0])
        network, description = pretrained_encoder(run)[0], str(run)
    fabric = make_fabric("auto", source.device)
    network = network.to(fabric.device)
    rows = np.arange(len(dataset.table))
    return embed_rows(network, dataset, rows, fabric, batch_size=batch_size), description
