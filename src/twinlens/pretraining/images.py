"""Which images a pretraining sees, without their labels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from twinlens.data.splits import Split, unlabelled_rows
from twinlens.types import Rows


class ImageChoice(NamedTuple):
    """A choice of images.

    Attributes:
        rows: Their row numbers, from a split.
        title: The parts of the split that they come from.
    """

    rows: Callable[[Split], Rows]
    title: str


IMAGES: dict[str, ImageChoice] = {
    "all": ImageChoice(
        lambda split: np.sort(np.concatenate([*split.rows.values()])),
        "training, unlabelled, validation and test",
    ),
    "train": ImageChoice(lambda split: split.rows["train"], "training"),
    "unlabelled": ImageChoice(unlabelled_rows, "training and unlabelled"),
}
"""All is transductive."""
