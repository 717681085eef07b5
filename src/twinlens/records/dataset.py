"""What a data set says about itself: ``dataset.json``."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from twinlens.records.base import Record


def _colour(value: Any) -> Any:
    # Without quotes YAML takes it for a comment.
    if value != "" and not re.fullmatch("#[0-9a-fA-F]{6}", str(value)):
        raise ValueError('write it as "#rrggbb", in quotes')
    return value


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return names


ClassNames = Annotated[list[str], AfterValidator(_unique)]
"""Names of classes, in the order of their numbers."""


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


class ImportNote(Record):
    """Something that a user should know about an import.

    Attributes:
        kind: What it is about: files that were found and not used (unreadable, table, mask, image,
            file, hidden, closed: a folder that could not be opened), or what was read and looks
            wrong (class, target, column, group, range of grey levels).
        count: Number of files, classes, columns, groups or images.
        text: The sentence, with what to do.
    """

    kind: Literal[
        "unreadable", "table", "mask", "image", "file", "hidden", "closed",
        "class", "target", "column", "group", "range",
    ]  # fmt: skip
    count: int
    text: str

    @property
    def unused(self) -> bool:
        """Whether it is about files that were not used."""
        return self.kind not in ("class", "target", "column", "group", "range")


class DatasetDescription(Record):
    """What is known about a data set beside its images and its table.

    Attributes:
        size: Side of the square images in pixels.
        classes: Names of the classes; a class's number is its position.
        class_info: Title, colour and group by class, where known.
        table_only: Whether the table was imported without images.
        notice: A sentence that every report on these images must show, if there is one.
        licence: Licence of the images; empty where it is not known.
        sources: Where the images came from, in order.
        fingerprint: Digest of the content of the sources; empty once images were added.
        previous_hashes: Hashes that the data set had before images or labels were added.
        notes: What the imports found and did not use, and what looks wrong.
    """

    size: int
    classes: ClassNames
    class_info: dict[str, ClassInfo] = Field(default={})
    table_only: bool = False
    notice: str = ""
    licence: str = ""
    sources: list[SourceRecord] = Field(default=[])
    fingerprint: str = ""
    previous_hashes: list[str] = Field(default=[])
    notes: list[ImportNote] = Field(default=[])


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
