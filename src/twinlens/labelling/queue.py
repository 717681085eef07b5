"""What is to be labelled: the suggested images in their order, and the classes with their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.suggesting.suggestions_file import read_suggestions

KEYS = "123456789abcdefghijklmnopqrstuvwxy"
"""Keys of the classes, in their order: 0 and Z have another meaning."""

CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class ClassKey:
    """A class and the key that answers with it.

    Attributes:
        name: Name of the class.
        key: One of `KEYS`.
        title: Its full name; empty where there is none.
    """

    name: str
    key: str
    title: str


@dataclass(frozen=True)
class Item:
    """An image to label.

    Attributes:
        id: Its id in the data set.
        row: Its row there.
        file: The original file; None where it is not known.
        predicted: What a model predicts, with its probability; empty without one.
    """

    id: str
    row: int
    file: Path | None
    predicted: str


def read_queue(path: Path, data: Dataset) -> list[Item]:
    """Read the images to label from a file of suggestions.

    Raises:
        UserError: The file cannot be read, is empty, or names an image that the data set lacks.
    """
    table = read_suggestions(path).reindex(
        columns=["id", "file", "predicted", "probability"], fill_value=""
    )
    rows = pd.Index(data.table["id"]).get_indexer(table["id"])
    if (rows < 0).any():
        missing = table["id"][rows < 0]
        raise UserError(
            f"{path} names {len(missing):,} images that {data.path} lacks, such as "
            f"'{missing.iloc[0]}': name the data set that it was made for."
        )
    if table.empty:
        raise UserError(f"{path} names no image: make another with 'twinlens suggest'.")
    return [
        Item(
            str(line.id),
            row,
            Path(str(line.file)) if line.file else None,
            f"{line.predicted} {line.probability}".strip(),
        )
        for line, row in zip(table.itertuples(), rows.tolist(), strict=True)
    ]


def class_keys(data: Dataset, more: Sequence[str]) -> list[ClassKey]:
    """Give a key to each class: those of the data set, then further ones.

    Raises:
        UserError: There are none, too many, or one is called "cannot tell".
    """
    names = list(dict.fromkeys([*data.classes, *map(str.strip, more)]))
    if not names:
        raise UserError(f"{data.path} has no classes yet: name each with --class NAME.")
    if len(names) > len(KEYS):
        raise UserError(f"{len(names)} classes are more than the {len(KEYS)} keys of the page.")
    if "" in names or CANNOT_TELL in names:
        raise UserError(f"A class must have a name, and another one than '{CANNOT_TELL}'.")
    titles = {name: info.title or "" for name, info in data.class_info.items()}
    return [ClassKey(n, key, titles.get(n, "")) for n, key in zip(names, KEYS, strict=False)]
