"""Galleries: images of a data set as pages show them, with facts about each."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from PIL import Image

from twinlens.data.dataset import Dataset
from twinlens.reporting.formatting import count
from twinlens.reporting.pictures import jpeg_uri

SIDE = 96
"""Largest side of a thumbnail, in pixels."""

Facts = list[tuple[str, bool]]


@dataclass(frozen=True)
class Thumbnail:
    """A small image as a data URI, its id, and facts, each with whether it is a warning."""

    uri: str
    id: str
    facts: Facts


@dataclass(frozen=True)
class Entry:
    """One image, or two side by side, with a remark."""

    thumbnails: list[Thumbnail]
    note: str


@dataclass(frozen=True)
class Gallery:
    """Some of the images or pairs of a kind, and how many there are in total."""

    title: str
    entries: list[Entry]
    total: int

    @property
    def extent(self) -> str:
        """How many of the images or pairs are shown."""
        shown = len(self.entries)
        if shown == self.total:
            return f"all {count(shown)}" if shown > 1 else "the only one"
        return f"{count(shown)} of {count(self.total)}"


def show_image(dataset: Dataset) -> Callable[[str, Facts], Thumbnail]:
    """Return a function that makes a thumbnail of the image with an id."""
    rows = pd.Index(dataset.table["id"])

    def show(image: str, facts: Facts) -> Thumbnail:
        picture = Image.fromarray(dataset.images[rows.get_loc(image)])
        return Thumbnail(jpeg_uri(picture, SIDE), image, facts)

    return show
