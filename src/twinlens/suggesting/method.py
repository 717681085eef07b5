"""What a method of suggesting is: from the images that could be labelled to those to label next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.types import Rows


@dataclass(frozen=True, eq=False)
class Pool:
    """Groups of images, each by the features of one of its images.

    Attributes:
        features: Of length 1, shape (n, d).
        labelled: Whether an image of the group has a label: such a group is not suggested.
        probabilities: What a model says, shape (n, classes); None without a model.
    """

    features: Float[ndarray, "group feature"]
    labelled: Bool[ndarray, " group"]
    probabilities: Float[ndarray, "group class"] | None = None

    @property
    def unlabelled(self) -> Rows:
        """The rows that may be suggested."""
        return np.flatnonzero(~self.labelled)


class Pick(NamedTuple):
    """A suggestion.

    Attributes:
        row: Row of the pool.
        score: What the method calls it by, see `Method.score`.
        why: The reason, as part of a sentence.
    """

    row: int
    score: float
    why: str


@dataclass(frozen=True)
class Method:
    """A method of suggesting.

    Attributes:
        title: Its name as the literature has it.
        citation: Where it is from.
        choose: From a pool, how many and a seed to the suggestions, best first: all unlabelled
            rows where there are no more, and no row twice.
        score: Name of the score; empty for none.
        needs_model: Whether it needs probabilities.
    """

    title: str
    citation: str
    choose: Callable[[Pool, int, int], list[Pick]]
    score: str = ""
    needs_model: bool = False


def representatives(
    features: Float[ndarray, "image feature"], groups: Rows, labelled: Bool[ndarray, " image"]
) -> tuple[Rows, Bool[ndarray, " group"]]:
    """Return one image of each group, the one nearest to their mean, and which have a label.

    So several images of one lesion neither crowd their surroundings nor are labelled twice.

    Args:
        features: Of all images.
        groups: Number of each image's group, from 0 without gaps.
        labelled: Whether the image has a label.

    Returns:
        A row number for each group, the first of equally near ones, and whether any image of the
        group has a label.
    """
    count = int(groups.max(initial=-1)) + 1
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(count))
    sums = np.add.reduceat(features[order], starts, axis=0) if count else features
    means = sums / np.bincount(groups, minlength=count)[:, None]
    distance = np.linalg.norm(features - means[groups], axis=1)
    order = np.lexsort((np.arange(len(groups)), distance.round(9), groups))
    return order[starts], np.bincount(groups, weights=labelled, minlength=count) > 0
