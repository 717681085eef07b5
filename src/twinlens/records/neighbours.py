"""Nearest neighbours before and after a pretraining: ``neighbours.json``."""

from twinlens.records.base import Record


class LabelledImage(Record):
    """An image of a data set: its id, and its label where it has one."""

    id: str
    label: str | None


class QueryImage(LabelledImage):
    """An image and its nearest neighbours, nearest first, before and after the pretraining."""

    before: list[LabelledImage]
    after: list[LabelledImage]


class NearestNeighbours(Record):
    """The queries of ``neighbours.png``, one row each: query, neighbours before, neighbours after.

    Attributes:
        side: Side of the images in the picture, in pixels.
        count: Neighbours of each query.
        queries: From top to bottom.
    """

    side: int
    count: int
    queries: list[QueryImage]
