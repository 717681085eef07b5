"""Files of predictions, written part by part."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from twinlens.errors import UserError
from twinlens.files import atomic_file

Write = Callable[[pd.DataFrame], object]

_TEXT = ("file", "predicted", "error")


def check_suffix(path: Path) -> None:
    """Refuse a file whose name does not say a format.

    Raises:
        UserError: It ends in none of the suffixes.
    """
    if path.suffix not in _WRITERS:
        raise UserError(f"--out {path} must end in {', '.join(_WRITERS)}: it says the format.")


def write_predictions(path: Path, parts: Iterable[pd.DataFrame]) -> tuple[int, int]:
    """Write a table of predictions whole or not at all, while memory holds one part at a time.

    Args:
        path: A ``.csv``, ``.jsonl`` or ``.parquet`` file.
        parts: See `predict_files.predict_in_parts`.

    Returns:
        The number of rows, and that of the rows with an error.
    """
    check_suffix(path)
    rows = broken = 0
    with atomic_file(path) as temporary, _WRITERS[path.suffix](temporary) as write:
        for part in parts:
            write(part)
            rows += len(part)
            broken += int(part["error"].notna().sum())
    return rows, broken


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda part: part.to_csv(file, index=False, header=file.tell() == 0)


@contextmanager
def _jsonl(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda part: part.to_json(
            file, orient="records", lines=True, force_ascii=False, double_precision=15
        )


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    writers: list[ParquetWriter] = []

    def write(part: pd.DataFrame) -> None:
        types = {name: pa.string() if name in _TEXT else pa.float64() for name in part}
        schema = pa.schema(list(types.items()))
        if not writers:
            writers.append(ParquetWriter(path, schema))
        writers[0].write_table(pa.Table.from_pandas(part, schema, preserve_index=False))

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
