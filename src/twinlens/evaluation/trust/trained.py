"""A trained network with the images that it learned from, to compare others with."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.evaluation.test_set import BATCH_SIZE, Model, TestSet
from twinlens.inference.embed import embed
from twinlens.inference.unlike_training import UnlikeTraining, index_training
from twinlens.models.bundle import Bundle, load_bundle
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.types import Pack, Rows


@dataclass(frozen=True)
class TrainedNetwork:
    """The first of a model's networks, with the images that it was trained on.

    Attributes:
        bundle: The network, on Fabric's device.
        data: The data set that it was trained on.
        index: The labelled training images.
        unlike: How unlike these an image is; None without validation images.
        fabric: Gives device and precision.
    """

    bundle: Bundle
    data: Dataset
    index: EmbeddingIndex
    unlike: UnlikeTraining | None
    fabric: Fabric

    def features(self, images: Pack, rows: Rows) -> Float[ndarray, "row feature"]:
        """Return the features of some images of a pack."""
        return embed(
            self.bundle.encoder,
            reader(images, rows, self.fabric.device),
            rows,
            size=self.bundle.info.size,
            batch_size=BATCH_SIZE,
            autocast=self.fabric.autocast,
        )


def training_rows(first: TestSet) -> Rows:
    """Return the rows of the labelled training images; none where these lie elsewhere."""
    if not first.internal:
        return np.zeros(0, np.int64)
    rows = first.part_of("train")
    labelled: Rows = rows[first.data.labels[rows] >= 0]
    return labelled


def trained_network(model: Model, first: TestSet, fabric: Fabric) -> TrainedNetwork:
    """Open a model's first network, and compute the features of the images that it learned from.

    Args:
        model: The model.
        first: Images of the data set that it was trained on.
        fabric: Gives device and precision.

    Raises:
        UserError: That data set does not hold them.
    """
    data, train, val = first.data, training_rows(first), first.part_of("val")
    if not len(train):
        raise UserError(
            f"{data.path} does not hold the images that {model.folder} was trained on, which an "
            "explanation compares with: name that data set first."
        )
    bundle = load_bundle(next(iter(model.members)))
    bundle.encoder.to(fabric.device)
    bundle.head.to(fabric.device)
    size = bundle.info.size
    index, unlike = index_training(bundle.encoder, data, train, val, fabric, size=size)
    return TrainedNetwork(bundle, data, index, unlike, fabric)
