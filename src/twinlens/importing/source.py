"""What a source of images provides: a table, and the content of each image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from PIL import Image

from twinlens.importing.decode import decode
from twinlens.records.dataset import ClassInfo, ImportNote


@dataclass(frozen=True)
class Options:
    """How the user wants a source to be read.

    Attributes:
        image: Column with the image's file or id. A column left out means the one of that name
            (``image``, ``label``, ``group``, ``split``), where there is one; an empty name
            means none.
        label: Column with the class name; blank means unlabelled.
        group: Column with the lesion or patient; blank means the image alone.
        split: Column with the split's name; blank means none.
        split_map: From the source's names of splits to `table.SPLITS`.
        root: Folder that the names in a table start from; None: the folder of the table.
        table_only: Whether to read the table alone, without finding images.
        size: Side of the imported images in pixels, for sources that draw their images.
    """

    image: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    split_map: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    table_only: bool = False
    size: int = 256


class Decode(Protocol):
    """From the bytes of an image to an RGB image; may raise `decode.ImageError`."""

    def __call__(self, content: bytes, *, side: int | None = None) -> Image.Image:
        """Decode an image, of which a square of `side` pixels is wanted (None: all of it)."""


@dataclass(frozen=True, eq=False)
class Source:
    """Images that can be imported.

    Attributes:
        table: One row per image: ``id``, ``label``, ``group``, ``split`` (of `table.SPLITS`;
            missing where unknown), then attributes.
        items: For each row what `read` takes: a path, or the recipe of a drawn image.
        read: From an item to the bytes that make the image what it is: the file's content, or
            the recipe's. The source is recognised by them. Called from several threads at once,
            like `decode`.
        decode: From those bytes to an RGB image.
        classes: Class names in order; None: sorted from the labels.
        class_info: Title, colour and group by class, where known.
        skipped: Images that are known to be missing, as (file, reason).
        notice: A sentence that every report on these images must show, if there is one.
        used: Files that were read beside the images, such as tables.
        notes: What was found and not used, and what looks wrong.
        licence: Licence of the images; empty where it is not known.
    """

    table: pd.DataFrame
    items: Sequence[Any]
    read: Callable[[Any], bytes] = Path.read_bytes
    decode: Decode = decode
    classes: Sequence[str] | None = None
    class_info: Mapping[str, ClassInfo] = field(default_factory=dict)
    skipped: Sequence[tuple[str, str]] = ()
    notice: str = ""
    used: Sequence[Path] = ()
    notes: Sequence[ImportNote] = ()
    licence: str = ""


@dataclass(frozen=True)
class SourceKind:
    """A layout of images and labels.

    Attributes:
        title: What it is, for messages.
        detect: Function that returns, quickly, whether a source has this layout. A source may be
            a name that is no file or folder, such as ``phantom:2000``.
        read: Function that reads a source's table and finds its images, without decoding them. It
            raises UserError if the source is not of this kind, or something in it is wrong.
        has_columns: Whether the user can name columns of its table.
    """

    title: str
    detect: Callable[[str], bool]
    read: Callable[[str, Options], Source]
    has_columns: bool = False
