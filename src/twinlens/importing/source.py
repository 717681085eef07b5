"""What every source of images gives: a table, and the content of each of its images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from PIL import Image

from twinlens.importing.decode import decode
from twinlens.records.dataset import ClassInfo


@dataclass(frozen=True)
class Options:
    """What the user says about a source.

    Attributes:
        image: Column with the image's file or id. A column left out means the one of that name
            (``image``, ``label``, ``group``, ``split``), where there is one; an empty name
            means none.
        label: Column with the class name; blank means unlabelled.
        group: Column with the lesion or patient; blank means the image alone.
        split: Column with the split's name; blank means none.
        split_map: From the source's split names to ours.
        table_only: Whether the table alone is wanted: then no image is looked for.
        size: Side of the imported images in pixels, for sources that draw their images.
    """

    image: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    split_map: Mapping[str, str] = field(default_factory=dict)
    table_only: bool = False
    size: int = 256


class Kind(Protocol):
    """A module of `sources`: one layout of images and labels. Its docstring's first line names it.

    A name that is no file or folder, such as ``phantom:2000``, may be a source too.
    """

    def detect(self, source: str) -> bool:
        """Tell whether a source looks like one of this kind, quickly."""

    def read(self, source: str, options: Options) -> "Source":
        """Read a source's table and find its images, without decoding them.

        Raises:
            UserError: The source is not of this kind, or something in it is wrong.
        """


@dataclass(frozen=True, eq=False)
class Source:
    """Images that can be imported.

    Attributes:
        table: A row an image: ``id``, ``label``, ``group``, ``split`` (of `table.SPLITS`; missing
            where unknown), then attributes.
        items: For each row what `read` takes: a path, or the recipe of a drawn image.
        read: From an item to the bytes that make the image what it is: the file's content, or
            the recipe's. The source is recognised by them. Called from several threads at once,
            like `decode`.
        decode: From those bytes to an RGB image of any size. May raise `decode.ImageError`.
        classes: Class names in order; None: sorted from the labels.
        class_info: Title, colour and group by class, where known.
        skipped: Images that are known to be missing, as (file, reason).
        notice: A sentence that every report on these images must show, if there is one.
    """

    table: pd.DataFrame
    items: Sequence[Any]
    read: Callable[[Any], bytes] = Path.read_bytes
    decode: Callable[[bytes], Image.Image] = decode
    classes: Sequence[str] | None = None
    class_info: Mapping[str, ClassInfo] = field(default_factory=dict)
    skipped: Sequence[tuple[str, str]] = ()
    notice: str = ""
