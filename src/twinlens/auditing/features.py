"""Features of all images, by the encoder that the user names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.data.dataset import Dataset
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.finetuning.initial_encoder import pretrained_encoder
from twinlens.inference.predict import embed_rows
from twinlens.models.encoders import build_encoder
from twinlens.models.weights import load_weights


def features_of(
    dataset: Dataset,
    *,
    encoder: str | None,
    weights: str,
    pretrained: Sequence[Path | str],
    device: str,
    batch_size: int = 256,
) -> tuple[Float[ndarray, "image feature"] | None, str | None]:
    """Compute the features of every image of a data set.

    Args:
        dataset: The images.
        encoder: A name in `ENCODERS`, or ``timm/NAME``; None: that of the first pretraining run.
        weights: The encoder's weights: a file, or a name in `WEIGHTS`.
        pretrained: Pretraining runs.
        device: "auto", "cpu", "cuda" or "mps".
        batch_size: Images at a time.

    Returns:
        Features and what they are from; None and None if there are no images, or no encoder is
        named.

    Raises:
        UserError: There are weights without an encoder, an encoder without weights, or no images
            to compute features of.
    """
    if encoder is None and weights != "random":
        raise UserError(f"--weights {weights} needs --encoder: name the network that they are for.")
    if encoder is not None and weights == "random":
        raise UserError(
            f"--encoder {encoder} needs --weights: with random weights strangers look alike."
        )
    if encoder is not None and dataset.table_only:
        raise UserError(f"{dataset.path} holds no images for --encoder {encoder} to look at.")
    if dataset.table_only or (encoder is None and not pretrained):
        return None, None
    if encoder is not None:
        network, source = build_encoder(encoder, seed=0), f"{encoder}, weights {weights}"
        load_weights(network, weights)
    else:
        network, source = pretrained_encoder(Path(pretrained[0]))[0], str(pretrained[0])
    fabric = make_fabric("auto", device)
    network = network.to(fabric.device)
    rows = np.arange(len(dataset.table))
    features = embed_rows(network, dataset, rows, fabric, batch_size=batch_size)
    return features, source
