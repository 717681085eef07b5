"""Features of all images of a data set, by the encoder that the user names."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.data.dataset import Dataset
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import build_encoder
from twinlens.models.weights import load_weights
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.requests.audit import AuditRequest


def compute_features(
    dataset: Dataset, request: AuditRequest, batch_size: int = 256
) -> tuple[Float[ndarray, "image feature"] | None, str | None]:
    """Compute the features of every image of a data set.

    Args:
        dataset: The images.
        request: Names an encoder and its weights, or pretraining runs: the first one's encoder.
        batch_size: Images per forward pass.

    Returns:
        The features and a description of the encoder; None and None if there are no images, or no
        encoder is named.

    Raises:
        UserError: There are weights without an encoder, an encoder without weights, or no images
            to compute features of.
    """
    encoder, weights = request.encoder, request.weights
    if encoder is None and weights != "random":
        raise UserError(f"--weights {weights} needs --encoder: name the network that they are for.")
    if encoder is not None and weights == "random":
        raise UserError(
            f"--encoder {encoder} needs --weights: features of random weights tell nothing about "
            "similarity."
        )
    if encoder is not None and dataset.table_only:
        raise UserError(f"{dataset.path} has no images to compute features of: omit --encoder.")
    if dataset.table_only or (encoder is None and not request.pretrained):
        return None, None
    if encoder is not None:
        network, description = build_encoder(encoder, seed=0), f"{encoder}, weights {weights}"
        load_weights(network, weights)
    else:
        run = Path(request.pretrained[0])
        network, description = pretrained_encoder(run)[0], str(run)
    fabric = make_fabric("auto", request.device)
    network = network.to(fabric.device)
    rows = np.arange(len(dataset.table))
    return embed_rows(network, dataset, rows, fabric, batch_size=batch_size), description
