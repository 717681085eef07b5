"""What a data set says about itself: ``dataset.json``."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from twinlens.records.base import Record


def _colour(value: Any) -> Any:
    # Without quotes YAML takes it for a comment.
    if value != "" and not re.fullmatch("#[0-9a-fA-F]{6}", str(value)):
        raise ValueError('write it as "#rrggbb", in quotes')
    return value


class ClassInfo(Record):
    """What is known about a class; empty where nothing is.

    Attributes:
        title: Its name in full.
        colour: Its colour in figures, such as ``#8a5a33``.
        group: What it counts as, such as malignant.
    """

    title: str = ""
    colour: Annotated[str, BeforeValidator(_colour)] = ""
    group: str = ""


class SourceRecord(Record):
    """Where images were imported from.

    Attributes:
        name: Its name in the column ``source``, which the table has if there are several sources.
        kind: Kind of source, such as csv.
        path: File, folder, or what else the source is called by.
    """

    name: str
    kind: str
    path: str


class DatasetDescription(Record):
    """What is known about a data set beside its images and its table.

    Attributes:
        size: Side of the square images in pixels.
        classes: Names of the classes; a class's number is its position.
        class_info: Title, colour and group by class, where known.
        table_only: Whether the table was imported without images.
        notice: A sentence that every report on these images must show, if there is one.
        sources: Where the images came from, in order.
        fingerprint: Digest of the content of the sources; empty once images were added.
        previous_hashes: Hashes that the data set had before images or labels were added.
    """

    size: int
    classes: list[str]
    class_info: dict[str, ClassInfo] = Field(default={})
    table_only: bool = False
    notice: str = ""
    sources: list[SourceRecord] = Field(default=[])
    fingerprint: str = ""
    previous_hashes: list[str] = Field(default=[])


class DatasetRecord(DatasetDescription):
    """Content of ``dataset.json``.

    Attributes:
        hash: Digest of images, table and classes: equal where the content is equal.
        images: Number of images.
        skipped: Number of files that could not be imported.
    """

    hash: str
    images: int
    skipped: int
