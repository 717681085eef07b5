"""An .npz file as MedMNIST publishes them: images and labels of train, val and test.

Its arrays are ``train_images`` and ``train_labels``, and so on; a part may be missing. Images
without labels are for pretraining, whichever part they are. Sets of volumes and those with
several labels per image are refused.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.data.table import map_splits
from twinlens.errors import UserError
from twinlens.importing.decode import MAX_PIXELS, MIN_SIDE
from twinlens.importing.formats.classes import MEDMNIST_CLASSES
from twinlens.importing.formats.npz import (
    Header,
    array_names,
    open_array,
    open_npz,
    read_array,
    read_header,
)
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.records.dataset import ClassInfo

PARTS = ("train", "val", "test")
LICENCE, LICENCE_OF_DERMAMNIST = "CC BY 4.0", "CC BY-NC 4.0"


@dataclass(frozen=True, eq=False)
class _Part:
    """A part's name, the header of its images, and their labels (-1: none)."""

    name: str
    images: Header
    labels: np.ndarray


def detect(source: str) -> bool:
    """Return whether this is an .npz file; if its arrays are others, `read` says so."""
    return Path(source).suffix.lower() == ".npz" and Path(source).is_file()


def read(source: str, options: Options) -> Source:
    """Read the labels of an .npz file, and find its images.

    Raises:
        UserError: The file is no such file or is damaged, its arrays do not fit each other, or
            they hold volumes, several labels per image, or pixels other than 0 to 255.
    """
    path = Path(source)
    with open_npz(path) as archive:
        names = array_names(archive)
        parts = [
            _part(archive, name, f"{name}_labels" in names)
            for name in PARTS
            if f"{name}_images" in names
        ]
        pixels = [
            open_array(archive, f"{part.name}_images", part.images)
            for part in parts
            if not options.table_only
        ]
    if not any(len(part.labels) for part in parts):
        wanted = ", ".join(f"{name}_images" for name in PARTS)
        raise UserError(f"{path} holds no images in {wanted}; its arrays are {', '.join(names)}.")
    table, classes = _table(parts, options)
    name = re.sub(r"_\d+$", "", path.stem.lower())
    titles = MEDMNIST_CLASSES.get(name, ())
    fit = all(int(name) < len(titles) for name in classes)
    class_info = {name: ClassInfo(title=titles[int(name)]) for name in classes} if fit else {}
    starts = list(accumulate((len(part.labels) for part in parts), initial=0))

    def content(row: int) -> bytes:
        number = bisect_right(starts, row) - 1
        return _tag(parts[number].images) + pixels[number][row - starts[number]]

    licence = LICENCE_OF_DERMAMNIST if name == "dermamnist" else LICENCE
    return Source(
        table,
        range(len(table)),
        content,
        _decode,
        classes,
        class_info,
        licence=licence if class_info else "",
    )


def _part(archive: ZipFile, name: str, labelled: bool) -> _Part:
    images = read_header(archive, f"{name}_images")
    _check_images(f"{archive.filename}: {name}_images", images)
    count = images.shape[0]
    labels = _labels(archive, f"{name}_labels", count) if labelled else np.broadcast_to(-1, count)
    return _Part(name, images, labels)


def _check_images(what: str, header: Header) -> None:
    shape = header.shape
    if header.dtype != np.uint8:
        raise UserError(f"{what} holds {header.dtype}, not uint8: save pixels from 0 to 255.")
    if len(shape) != 3 and (len(shape) != 4 or shape[3] != 3):
        raise UserError(
            f"{what} has the shape {shape}, and only flat images can be read, of shape "
            "(N, height, width) or (N, height, width, 3): save volumes as slices."
        )
    if min(shape[1:3]) < MIN_SIDE or shape[1] * shape[2] > MAX_PIXELS:
        raise UserError(
            f"{what} has images of {shape[2]}x{shape[1]} pixels: "
            f"a side needs {MIN_SIDE}, and an image may have {MAX_PIXELS:,}."
        )


def _labels(archive: ZipFile, name: str, count: int) -> np.ndarray:
    header = read_header(archive, name)
    what = f"{archive.filename}: {name}"
    if header.shape[:1] != (count,):
        raise UserError(f"{what} has the shape {header.shape}, but there are {count} images.")
    if header.shape not in ((count,), (count, 1)):
        raise UserError(
            f"{what} has the shape {header.shape}, and only sets with one label per image, of "
            "shape (N,) or (N, 1), can be read."
        )
    if header.dtype.kind not in "iu":
        raise UserError(f"{what} holds {header.dtype}: save whole numbers from 0.")
    labels = read_array(archive, name).reshape(count).astype(np.int64)
    if labels.min(initial=0) < 0:
        raise UserError(f"{what} has the label {labels.min()}: save whole numbers from 0.")
    return labels


def _table(parts: list[_Part], options: Options) -> tuple[pd.DataFrame, list[str]]:
    labels = np.concatenate([part.labels for part in parts])
    numbers = np.unique(labels[labels >= 0]).tolist()
    digits = len(str(max(numbers, default=0)))
    classes = {number: f"{number:0{digits}}" for number in numbers}
    counts = [len(part.labels) for part in parts]
    ids = [f"{part.name}/" + pd.Series(range(len(part.labels))).astype(str) for part in parts]
    splits = map_splits(pd.Series([part.name for part in parts]), options.split_map)
    table = pd.DataFrame(
        {
            "id": pd.concat(ids, ignore_index=True),
            "label": pd.Series(labels).map(classes),
            "group": None,
            "split": np.where(labels < 0, "unlabelled", splits.repeat(counts)),
        }
    )
    return table, list(classes.values())


def _tag(images: Header) -> bytes:
    """Return mode and size of a part's images, which their pixels do not tell."""
    _, height, width, *colours = images.shape
    return f"{'RGB' if colours else 'L'} {width} {height} ".encode()


def _decode(content: bytes, *, side: int | None = None) -> Image.Image:  # noqa: ARG001
    mode, width, height, pixels = content.split(b" ", 3)
    return Image.frombytes(mode.decode(), (int(width), int(height)), pixels).convert("RGB")


SOURCE = SourceKind("an .npz file as MedMNIST publishes them", detect, read)
