"""Features of images: what an encoder makes of their clean views."""

from collections.abc import Iterator
from contextlib import nullcontext
from math import ceil

import numpy as np
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.data.batches import Reader, reader
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.inference.forward import Autocast, eval_mode, in_batches
from twinlens.models.encoders import Encoder
from twinlens.types import Features, Images, Rows
from twinlens.views.view import clean_view, normalise


def embed(
    encoder: Encoder,
    read: Reader,
    rows: Rows,
    *,
    size: int,
    batch_size: int,
    autocast: Autocast = nullcontext,
) -> Float[ndarray, "image feature"]:
    """Return the encoder's features of each image's clean view.

    Args:
        encoder: From normalised images to features.
        read: Function of row numbers that returns images in [0, 1] on the encoder's device.
        rows: Row number of each image.
        size: Side of the views in pixels.
        batch_size: Images at a time.
        autocast: Context of the forward pass.

    Raises:
        UserError: There are no images, or features are not finite.
    """

    def features(images: Images) -> Features:
        with autocast():
            views = normalise(clean_view(images, size), encoder.mean, encoder.std)
            result: Features = encoder(views)
        return result

    with eval_mode(encoder):
        found = in_batches(features, read, rows, batch_size, "Computing features")
    broken = int((~np.isfinite(found)).any(axis=1).sum())
    if broken:
        raise UserError(
            f"The features of {encoder.name} are not finite for {broken} of {len(rows)} images: "
            "its weights diverged, so take others, or train it again with a lower learning rate."
        )
    return found


def embed_rows(
    encoder: Encoder,
    data: Dataset,
    rows: Rows,
    fabric: Fabric,
    *,
    size: int | None = None,
    batch_size: int = 256,
) -> Float[ndarray, "image feature"]:
    """Return the features of images of a data set; the encoder is on Fabric's device.

    Args:
        encoder: From normalised images to features.
        data: Where the images are.
        rows: Row number of each image.
        fabric: Device and precision.
        size: Side of the views in pixels; by default the data set's.
        batch_size: Images at a time.
    """
    return embed(
        encoder,
        reader(data.images, rows, fabric.device),
        rows,
        size=size or data.size,
        batch_size=batch_size,
        autocast=fabric.autocast,
    )


def clean_batches(
    encoder: Encoder, data: Dataset, rows: Rows, fabric: Fabric, *, size: int, batch_size: int
) -> Iterator[Images]:
    """Yield each image's clean view once, normalised for the encoder; arguments as above.

    Every batch is spread over all rows, which may be sorted by class: BatchNorm's statistics are
    estimated on these batches.
    """
    read = reader(data.images, rows, fabric.device)
    batches = ceil(len(rows) / batch_size)
    for number in range(batches):
        views = clean_view(read(rows[number::batches]), size)
        yield normalise(views, encoder.mean, encoder.std)
