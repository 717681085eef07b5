"""An imported data set: a folder that holds the table, the packed images and what they are.

```
dataset.json     size, classes, hash, where the images came from
images.parquet   the table
pack.npy         the images: uint8, shape (N, size, size, 3)
skipped.csv      files that could not be imported, and why
splits/          a table and a JSON file for each split
```
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twinlens import files
from twinlens.errors import UserError
from twinlens.types import PackedImages, Rows

MARKER = "dataset.json"
TABLE = "images.parquet"
PACK = "pack.npy"
SKIPPED = "skipped.csv"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set as it lies on disk.

    Attributes:
        path: Its folder.
        table: A row an image; see `twinlens.data.table`.
        images: The pack, memory-mapped and read-only.
        info: Content of ``dataset.json``.
    """

    path: Path
    table: pd.DataFrame
    images: PackedImages
    info: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """Class names; a class's number is its place here."""
        return list(self.info["classes"])

    @property
    def class_info(self) -> dict[str, dict[str, Any]]:
        """What is known about a class: title, colour, group (such as malignant). May be empty."""
        return dict(self.info["class_info"])

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.info["size"])

    @property
    def hash(self) -> str:
        """Digest of images, table and classes: equal where the content is equal."""
        return str(self.info["hash"])

    @cached_property
    def labels(self) -> Rows:
        """Class number of each image, -1 where it has no label: int64, shape (N,)."""
        codes = pd.Categorical(self.table["label"], categories=self.classes).codes
        return np.asarray(codes, dtype=np.int64)


def open_dataset(path: Path | str) -> Dataset:
    """Open an imported data set; images are read when they are used.

    Raises:
        UserError: The folder is not a data set, or one of its files is missing or does not fit.
    """
    path = Path(path)
    if not (path / MARKER).is_file():
        raise UserError(f"{path} is not a data set (no {MARKER}): make one with 'twinlens import'.")
    info = files.read_json(path / MARKER)
    try:
        table = pd.read_parquet(path / TABLE)
        images = np.load(path / PACK, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise UserError(
            f"The data set {path} is damaged ({error}): import it again with --overwrite."
        ) from error
    if images.shape != (len(table), info["size"], info["size"], 3) or images.dtype != np.uint8:
        raise UserError(
            f"The data set {path} is damaged ({PACK} has shape {images.shape}, the table "
            f"{len(table)} rows): import it again with --overwrite."
        )
    return Dataset(path, table, images, info)
