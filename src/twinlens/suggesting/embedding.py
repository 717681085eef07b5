"""What a trained model or a pretrained encoder makes of all images of a data set."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.embed import embed_rows
from twinlens.inference.feature_cache import feature_folder, remembering_features
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import predict_ensemble, with_views
from twinlens.models.bundle import load_bundle
from twinlens.models.encoders import Encoder, build_encoder, check_size
from twinlens.models.ensemble import read_members, read_temperature
from twinlens.models.weights import load_weights
from twinlens.pretraining.pretrained_encoder import ENCODER, pretrained_encoder
from twinlens.requests.suggest import SuggestRequest

BATCH = 64


@dataclass(frozen=True, eq=False)
class Embedding:
    """What is known about the images of a data set, row by row.

    Attributes:
        features: Of the encoder, shape (n, d).
        probabilities: Of the model, with its temperature, shape (n, classes); None without one.
        classes: Their names.
    """

    features: Float[ndarray, "image feature"]
    probabilities: Float[ndarray, "image class"] | None = None
    classes: tuple[str, ...] = ()


def embed_data_set(data: Dataset, request: SuggestRequest) -> Embedding:
    """Compute the features of all images, and the probabilities if there is a trained model.

    A model sees each image alone, without test-time augmentation; features of an ensemble are those
    of its first member.

    Args:
        data: The images.
        request: Names the model or the encoder.

    Raises:
        UserError: There is no such model or encoder, or it has no weights.
    """
    source, rows = str(request.source), np.arange(len(data.table))
    folder = Path(source)
    if (folder / "model").is_dir():
        folder = folder / "model"
    if folder.is_dir() and not (folder / ENCODER).is_file():
        return _of_model(folder, data, request.device)
    fabric = make_fabric("auto", request.device)
    if folder.is_dir():
        encoder = pretrained_encoder(folder)[0]
    elif request.weights == "random":
        raise UserError(
            f"There is no folder {source}, and the encoder {source} needs --weights: features of "
            "random weights tell nothing about similarity."
        )
    else:
        encoder = build_encoder(source, seed=0)
        load_weights(encoder, request.weights)
    check_size(encoder, data.size)
    encoder = encoder.to(fabric.device).eval()
    with _kept_in(request.features, encoder, fabric):
        return Embedding(embed_rows(encoder, data, rows, fabric, batch_size=BATCH))


def _of_model(folder: Path, data: Dataset, device: str) -> Embedding:
    members = with_views(read_members(folder), 1)
    first, info = next(iter(members.items()))
    fabric, rows = make_fabric(info.precision, device), np.arange(len(data.table))
    read = reader(data.images, rows, fabric.device)
    p = predict_ensemble(members, read, rows, batch_size=BATCH, fabric=fabric)
    temperature = read_temperature(folder)
    encoder = load_bundle(first).encoder.to(fabric.device)
    features = embed_rows(encoder, data, rows, fabric, size=info.size, batch_size=BATCH)
    p = p if temperature is None else scaled(p, temperature)
    return Embedding(features, p, tuple(info.classes))


@contextmanager
def _kept_in(folder: Path | str | None, encoder: Encoder, fabric: Fabric) -> Iterator[None]:
    token = feature_folder.set(None if folder is None else Path(folder))
    try:
        with remembering_features(encoder, fabric):
            yield
    finally:
        feature_folder.reset(token)
