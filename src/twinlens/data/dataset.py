"""An imported data set: a folder that holds the table, the packed images and what they are.

```
dataset.json     size, classes, hash, where the images came from
images.parquet   the table
pack.npy         the images: uint8, shape (N, size, size, 3); none where the table was all there was
pack.url         in place of pack.npy: a line with the address of such a file that lies elsewhere
skipped.csv      files that could not be imported, and why
splits/          a table and a JSON file for each split
```
"""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from twinlens import files
from twinlens.data.remote_pack import RemotePack
from twinlens.data.table import table_digest
from twinlens.errors import UserError
from twinlens.parquet import read_table
from twinlens.records.dataset import ClassInfo, DatasetDescription, DatasetRecord
from twinlens.spreadsheets import without_formulas
from twinlens.types import Pack, Rows

MARKER = "dataset.json"
TABLE = "images.parquet"
PACK, ADDRESS = "pack.npy", "pack.url"
SKIPPED = "skipped.csv"
_BLOCK = 256  # images that are hashed at a time


class Dataset:
    """A data set as it lies on disk.

    Attributes:
        path: Its folder.
        table: One row per image; see `twinlens.data.table`.
        record: Content of ``dataset.json``.
    """

    def __init__(
        self, path: Path, table: pd.DataFrame, images: Pack | None, record: DatasetRecord
    ) -> None:
        """Hold what was read; `images` is None where the data set is its table alone."""
        self.path = path
        self.table = table
        self.record = record
        self._images = images

    @property
    def images(self) -> Pack:
        """The pack, read-only: memory-mapped, or remote.

        Raises:
            UserError: The table was imported alone.
        """
        if self._images is None:
            raise UserError(
                f"{self.path} holds the table alone: import it again with the images to train on "
                "it."
            )
        return self._images

    @property
    def table_only(self) -> bool:
        """Whether the table was imported without images."""
        return self._images is None

    @property
    def classes(self) -> list[str]:
        """Class names; a class's number is its position."""
        return self.record.classes

    @property
    def class_info(self) -> dict[str, ClassInfo]:
        """Title, colour and group by class, where known."""
        return self.record.class_info

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return self.record.size

    @property
    def hash(self) -> str:
        """Digest of images, table and classes: equal where the content is equal."""
        return self.record.hash

    @property
    def lineage(self) -> list[str]:
        """Its hash, and the hashes that it had before images or labels were added."""
        return [self.hash, *self.record.previous_hashes]

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
    files.recover(path)
    if not (path / MARKER).is_file():
        raise UserError(
            f"{path} is not a data set: it {files.lack(path, MARKER)}. Make one with 'twinlens "
            "import'."
        )
    record = DatasetRecord.read(path / MARKER)
    mend = "import it again with --overwrite"
    columns, names = ("id", "label", "group"), ("id", "group")
    table = read_table(path / TABLE, columns, names=names, mend=mend)
    if not table["id"].is_unique:
        raise UserError(f"The data set {path} is damaged ({TABLE} names an image twice): {mend}.")
    try:
        images = None if record.table_only else _open_pack(path)
    except UserError:  # what is remote says itself what is wrong
        raise
    except Exception as error:  # a damaged file can make NumPy raise anything
        raise UserError(f"The data set {path} is damaged ({error}): {mend}.") from error
    shape = (len(table), record.size, record.size, 3)
    if images is not None and (images.shape != shape or images.dtype != np.uint8):
        raise UserError(
            f"The data set {path} is damaged ({PACK} has shape {images.shape}, the table "
            f"{len(table)} rows): {mend}."
        )
    return Dataset(path, table, images, record)


def _open_pack(folder: Path) -> Pack:
    address = folder / ADDRESS
    if address.is_file() and not (folder / PACK).exists():
        return RemotePack(address.read_text().strip())
    images: Pack = np.load(folder / PACK, mmap_mode="r")
    return images


def write_dataset(
    folder: Path,
    table: pd.DataFrame,
    skipped: pd.DataFrame,
    pixels: str,
    description: DatasetDescription,
) -> None:
    """Write all of a data set but its pack and its splits.

    Args:
        folder: An empty folder, or one with the pack.
        table: From `twinlens.data.table.arrange`.
        skipped: Columns ``file`` and ``reason``.
        pixels: Digest of the pack.
        description: What is known about the images.
    """
    table.to_parquet(folder / TABLE, index=False)
    without_formulas(skipped).to_csv(folder / SKIPPED, index=False)
    fields = {name: getattr(description, name) for name in DatasetDescription.model_fields}
    record = DatasetRecord(
        hash=_content_hash(pixels, table, description),
        images=len(table),
        skipped=len(skipped),
        **fields,
    )
    record.write(folder / MARKER)


def hash_again(data: Dataset) -> str:
    """Return the hash of the images and the table as they lie on disk: `Dataset.hash`, if intact.

    It reads the whole pack.
    """
    pixels = hashlib.sha256()
    if not data.table_only:
        for start in range(0, len(data.table), _BLOCK):
            pixels.update(np.ascontiguousarray(data.images[start : start + _BLOCK]).data)
    return _content_hash("" if data.table_only else pixels.hexdigest(), data.table, data.record)


def _content_hash(pixels: str, table: pd.DataFrame, description: DatasetDescription) -> str:
    return files.digest([pixels, table_digest(table), description.classes, description.size])
