"""Files of predictions, written part by part."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from twinlens.errors import UserError
from twinlens.files import atomic_file
from twinlens.spreadsheets import without_formulas

Write = Callable[[pd.DataFrame], object]

_TYPES = {
    "set": pa.list_(pa.string()),
    "unlike_training": pa.bool_(),
    "images": pa.int64(),
    **dict.fromkeys(("file", "group", "predicted", "error"), pa.string()),
}


def check_new(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that may not be replaced, or whose name does not say a format.

    Raises:
        UserError: It ends in none of the suffixes, or exists already.
    """
    _check_suffix(path)
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: choose another file, or pass --overwrite.")


def _check_suffix(path: Path) -> None:
    if path.suffix not in _WRITERS:
        raise UserError(f"{path} must end in {', '.join(_WRITERS)}: it says the format.")


def write_predictions(path: Path, parts: Iterable[pd.DataFrame]) -> tuple[int, int]:
    """Write a table of predictions whole or not at all, while memory holds one part at a time.

    Args:
        path: A ``.csv``, ``.jsonl`` or ``.parquet`` file.
        parts: See `predict_files.predict_in_parts`.

    Returns:
        The number of rows, and that of the rows with an error.
    """
    _check_suffix(path)
    rows = broken = 0
    with atomic_file(path) as temporary, _WRITERS[path.suffix](temporary) as write:
        for part in parts:
            write(part)
            rows += len(part)
            broken += int(part["error"].notna().sum())
    return rows, broken


def as_csv(part: pd.DataFrame, *, header: bool, float_format: str | None = None) -> str:
    """Return a part of a table as CSV, safe for spreadsheets; the classes of a set joined by ;."""
    if "set" in part:
        part = part.assign(set=part["set"].map(";".join, na_action="ignore"))
    return without_formulas(part).to_csv(
        index=False, header=header, float_format=float_format, lineterminator="\n"
    )


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda part: file.write(as_csv(part, header=file.tell() == 0))


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
        schema = pa.schema([(name, _TYPES.get(name, pa.float64())) for name in part])
        if not writers:
            writers.append(ParquetWriter(path, schema))
        writers[0].write_table(pa.Table.from_pandas(part, schema, preserve_index=False))

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
