"""The images that a user names: files, folders, patterns, lists, data sets, and URLs of these."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.console import say
from twinlens.data.dataset import MARKER, Dataset, open_dataset
from twinlens.errors import UserError
from twinlens.importing.decode import decode
from twinlens.importing.listing import list_files
from twinlens.importing.sources.csv import is_table
from twinlens.importing.table_file import read_cells
from twinlens.inference.remote import (
    image_urls,
    is_remote_table,
    read_remote_cells,
    read_url,
)
from twinlens.remote_files import is_url

_WILDCARDS = "*?["
_COLUMNS = ("image", "file_name", "file")
_PIXELS = b"\0pixels of a pack\0"  # no file begins so


@dataclass(frozen=True)
class PackedRow:
    """An image of a data set."""

    data: Dataset
    row: int


@dataclass(frozen=True, slots=True)
class Named:
    """An image that a user names.

    Attributes:
        place: A file, a URL, or an image of a data set.
        group: Its group; None where it has none.
    """

    place: Path | str | PackedRow
    group: str | None = None

    def __str__(self) -> str:
        if isinstance(self.place, PackedRow):
            return str(self.place.data.table["id"].iat[self.place.row])
        return str(self.place)

    def read(self) -> bytes:
        """Return what `decode_named` takes.

        Raises:
            OSError: The file cannot be read.
            ImageError: Likewise, elsewhere.
        """
        if isinstance(self.place, PackedRow):
            pixels: bytes = self.place.data.images[self.place.row].tobytes()
            return _PIXELS + pixels
        return read_url(self.place) if isinstance(self.place, str) else self.place.read_bytes()


def decode_named(content: bytes, *, side: int | None = None) -> Image.Image:
    """Decode an image, see `decode`."""
    if not content.startswith(_PIXELS):
        return decode(content, side=side)
    pixels = np.frombuffer(content, np.uint8, offset=len(_PIXELS))
    side = round((len(pixels) / 3) ** 0.5)
    return Image.fromarray(pixels.reshape(side, side, 3))


def find_images(images: Path | str | Sequence[Path | str], group: str | None = None) -> list[Named]:
    """Return the images that are meant, in the order given.

    Files that a list names are taken as they are, even if there are none.

    Args:
        images: Files; folders, whose masks are left out; patterns with ``*``, ``?``, ``[...]`` and,
            for folders at any depth, ``**``; tables with a column ``image``, ``file_name`` or
            ``file``, whose paths start at the table's folder; data sets; URLs of all but the last.
        group: Column of the tables and data sets with the group of each image; None for none.

    Raises:
        UserError: A path does not exist, a table has no such column, or there are no images.
    """
    given = [images] if isinstance(images, Path | str) else images
    files = [file for path in given for file in _named(path, group)]
    if not files:
        raise UserError(f"There are no image files in {', '.join(map(str, given))}.")
    return files


def _named(given: Path | str, group: str | None) -> Iterator[Named]:
    remote, path = is_url(given), Path(given)
    if remote and is_remote_table(str(given)):
        folder = str(given).rpartition("/")[0]
        yield from _of_table(read_remote_cells(str(given)), given, folder, group)
    elif not remote and is_table(path):
        yield from _of_table(read_cells(path), given, path.parent, group)
    elif not remote and (path / MARKER).is_file():
        yield from _of_data(open_dataset(path), group)
    elif group is not None:
        raise UserError(
            f"--group {group} names a column, and {given} is neither a table nor a data set: list "
            "the files and their groups in a table."
        )
    elif remote:
        found = image_urls(str(given))
        yield from map(Named, [str(given)] if found is None else found)
    else:
        yield from map(Named, _files(path))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        return [path]
    if set(_WILDCARDS) & set(str(path)):
        pattern = str(path.relative_to(path.anchor))
        return sorted(filter(Path.is_file, Path(path.anchor).glob(pattern)))
    raise UserError(f"{path} does not exist.")


def _of_folder(path: Path) -> list[Path]:
    found = list_files(path)
    if found.masks:
        number, example = len(found.masks), found.masks[0].name
        say(f"Masks in {path} are left out, as their names say: {number:,}, such as {example}.")
    return found.images


def _of_table(
    cells: pd.DataFrame, table: Path | str, folder: Path | str, group: str | None
) -> Iterator[Named]:
    column = next((name for name in _COLUMNS if name in cells.columns), None)
    if column is None:
        raise UserError(
            f"{table} has no column {', '.join(_COLUMNS[:-1])} or {_COLUMNS[-1]} that names image "
            f"files; its columns are {', '.join(cells.columns)}."
        )
    groups = _groups(cells, group, table)
    for name, of_group in zip(cells[column], groups, strict=True):
        if pd.isna(name):
            continue
        if is_url(name):
            yield Named(name, of_group)
        else:
            place = folder / name if isinstance(folder, Path) else f"{folder}/{name}"
            yield Named(place, of_group)


def _of_data(data: Dataset, group: str | None) -> Iterator[Named]:
    _ = data.images  # or the sentence that there are none
    for row, of_group in enumerate(_groups(data.table, group, data.path)):
        yield Named(PackedRow(data, row), of_group)


def _groups(table: pd.DataFrame, column: str | None, where: Path | str) -> list[str | None]:
    if column is None:
        return [None] * len(table)
    if column not in table:
        raise UserError(
            f"{where} has no column {column} (--group); its columns are "
            f"{', '.join(map(str, table.columns))}."
        )
    return [None if pd.isna(name) else str(name) for name in table[column]]
