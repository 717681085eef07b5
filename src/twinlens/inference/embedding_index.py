"""The labelled training images by their features: which are nearest to an image, and how near."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from twinlens.errors import UserError


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
    """Features of images, scaled to length 1, that are searched for the nearest ones.

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
        self._search = NearestNeighbors(algorithm="brute").fit(normalize(features))

    def nearest(self, features: Float[ndarray, "image feature"], count: int) -> Nearest:
        """Return the nearest images of each image; all of them where there are fewer.

        Args:
            features: Of the same encoder.
            count: Number of neighbours.
        """
        distances, places = self._search.kneighbors(
            normalize(features), min(count, len(self.ids)), return_distance=True
        )
        return Nearest(places, distances)
