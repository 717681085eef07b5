"""Parquet files with images inside: their other columns, and the images, a few at a time."""

import itertools
import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from twinlens.errors import UserError

_BATCH = 16  # rows read at a time
_KEPT = 48 * (os.cpu_count() or 1)  # rows in memory: the threads of an import are fewer rows apart
_BUFFER = 1 << 20


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"{path} is no Parquet file, or a damaged one ({reason}): download or write it again."
        ) from error


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds text, or nothing at all."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return kind in (pa.string(), pa.large_string(), pa.string_view(), pa.null())


def is_binary(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds bytes."""
    return kind in (pa.binary(), pa.large_binary(), pa.binary_view())


def is_plain(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds one text, number, truth value or time per row."""
    special = isinstance(kind, pa.BaseExtensionType) or pa.types.is_fixed_size_binary(kind)
    return not (pa.types.is_nested(kind) or is_binary(kind) or special)


def read_schema(path: Path) -> pa.Schema:
    """Read the names and types of a file's columns.

    Raises:
        UserError: The file is no Parquet file or is damaged, or two columns share a name.
    """
    with _readable(path):
        schema = pq.read_schema(path)
    if len(set(schema.names)) < len(schema):
        raise UserError(f"{path} needs a name of its own for every column.")
    return schema


def read_cells(path: Path, schema: pa.Schema, image: str) -> pa.Table:
    """Read a file's plain columns, and in place of the images their paths, if there are any.

    Args:
        path: The file.
        schema: Its columns.
        image: The column with the images.

    Raises:
        UserError: The file is damaged, or that column is missing or holds no images.
    """
    if image not in schema.names:
        raise UserError(
            f"{path} has no column '{image}': name the column of images with --image; its "
            f"columns are {', '.join(schema.names)}."
        )
    kind = schema.field(image).type
    fields = {field.name for field in kind} if pa.types.is_struct(kind) else set()
    if not (is_text(kind) or is_binary(kind) or fields & {"bytes", "path"}):
        raise UserError(
            f"{path}: the column '{image}' holds {kind}; an image is bytes, a struct of bytes and "
            "path, or a path."
        )
    plain = [field.name for field in schema if field.name != image and is_plain(field.type)]
    paths = [f"{image}.path"] if "path" in fields else [image] if is_text(kind) else []
    with _readable(path):
        cells = pq.ParquetFile(path).read([*plain, *paths])
        cells.validate(full=True)  # text may be no UTF-8
    named = cells[image] if paths else pa.nulls(len(cells), pa.string())
    if "path" in fields:
        named = pc.struct_field(named, "path")
    return cells.select(plain).append_column(image, named)


class ShardedColumn:
    """A column's cells, one file after the other; may be read from several threads at once.

    Cells are read in order from the start of a row group, and the last ones stay in memory. Asking
    for an earlier cell reads its row group again, so ask in roughly ascending order.
    """

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        """Find the row groups; no cell is read yet.

        Args:
            paths: The files.
            name: The column.
        """
        self._name = name
        self._groups: list[tuple[Path, int]] = []
        self._starts: list[int] = []  # the first row of each group
        rows = 0
        for path in paths:
            with _readable(path):
                about = pq.read_metadata(path)
            for group in range(about.num_row_groups):
                self._groups.append((path, group))
                self._starts.append(rows)
                rows += about.row_group(group).num_rows
        self._lock = Lock()
        self._kept: deque[tuple[int, pa.Array]] = deque()  # neighbouring rows, each with its start
        self._next = 0  # the row after them
        self._batches = self._read_from(0)

    def __getitem__(self, row: int) -> Any:
        """Return a cell as a Python object.

        Raises:
            UserError: A file is damaged.
        """
        with self._lock:
            first = self._kept[0][0] if self._kept else self._next
            group = bisect_right(self._starts, row) - 1
            if row < first or self._next + _KEPT < self._starts[group]:
                self._go_to(group)
            while self._next <= row:
                self._read_on()
            start, cells = next(kept for kept in reversed(self._kept) if kept[0] <= row)
            return cells[row - start].as_py()

    def _go_to(self, group: int) -> None:
        self._kept.clear()
        self._next = self._starts[group]
        self._batches = self._read_from(group)

    def _read_on(self) -> None:
        try:
            cells = next(self._batches)
        except UserError:
            self._go_to(bisect_right(self._starts, self._next) - 1)  # to fail again if asked again
            raise
        self._kept.append((self._next, cells))
        self._next += len(cells)
        while self._next - self._kept[0][0] > _KEPT + _BATCH:
            self._kept.popleft()

    def _read_from(self, first: int) -> Iterator[pa.Array]:
        """Yield the cells of a row group and of all that follow."""
        for path, groups in itertools.groupby(self._groups[first:], itemgetter(0)):
            with _readable(path):
                # Not pre-buffered, which would hold a whole row group: some files have only one.
                file = pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)
                for batch in file.iter_batches(_BATCH, [n for _, n in groups], [self._name]):
                    yield batch.column(0)
        raise UserError(f"{self._groups[-1][0]} has fewer rows than it says: download it again.")
