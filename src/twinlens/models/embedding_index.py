"""The labelled training images by their features: which are nearest to an image, and how near."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from safetensors import SafetensorError, safe_open
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from twinlens.errors import UserError
from twinlens.models.tensor_files import save_tensors


@dataclass(frozen=True)
class Nearest:
    """The nearest indexed images of some others, nearest first.

    Attributes:
        places: Their places in the index.
        distances: Euclidean distances of features of length 1, from 0 to 2.
    """

    places: Int[ndarray, "image neighbour"]
    distances: Float[ndarray, "image neighbour"]


class EmbeddingIndex:
    """Features of images that are searched for the nearest ones.

    They are scaled to length 1 and rounded to 16 bits, as they are stored.

    Args:
        features: Of the images to search among, shape (image, feature).
        ids: Their ids.
        labels: Their class names.

    Raises:
        UserError: There are no images.
    """

    def __init__(
        self, features: Float[ndarray, "image feature"], ids: Sequence[str], labels: Sequence[str]
    ) -> None:
        if not len(features):
            raise UserError("There are no labelled training images to search for the nearest ones.")
        self.ids = [*ids]
        self.labels = [*labels]
        self._features = normalize(features.astype(np.float32)).astype(np.float16)
        self._search = NearestNeighbors(algorithm="brute").fit(self._features.astype(np.float32))

    def nearest(self, features: Float[ndarray, "image feature"], count: int) -> Nearest:
        """Return the nearest images of each image; all of them where there are fewer.

        Args:
            features: Of the same encoder.
            count: Number of neighbours.
        """
        distances, places = self._search.kneighbors(
            normalize(features.astype(np.float32)), min(count, len(self.ids)), return_distance=True
        )
        return Nearest(places, distances)

    def save(self, path: Path) -> None:
        """Write the index as safetensors: the tensor "features", ids and labels in the header."""
        header = {"ids": json.dumps(self.ids), "labels": json.dumps(self.labels)}
        save_tensors(path, {"features": torch.from_numpy(self._features)}, header)

    @classmethod
    def load(cls, path: Path) -> "EmbeddingIndex":
        """Read an index.

        Raises:
            UserError: The file is damaged or holds something else.
        """
        try:
            with safe_open(path, "np") as file:
                header, features = file.metadata(), file.get_tensor("features")
            ids, labels = json.loads(header["ids"]), json.loads(header["labels"])
            if not len(ids) == len(labels) == len(features):
                raise ValueError("ids, labels and features differ in number")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged or no index of images: {error}.") from error
        return cls(features, ids, labels)
