"""Parquet as Hugging Face datasets write it, the images inside: one file, or a folder of shards.

The column ``image`` holds the encoded image, as bytes or as a struct of bytes and path, or else
its path from the file's folder or ``--root``. Whole numbers in the column of labels are classes
by the names that the file's ``huggingface`` metadata gives; -1 is no label. Splits are a column,
or the names of the shards (``train-00000-of-00002.parquet``; ``validation`` is val), where what
has no label is unlabelled. The id is the column ``id``, ``image_id`` or the path, whichever first
tells the images apart, or else shard and row.
"""

import errno
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from twinlens.data.table import SPLITS, map_splits
from twinlens.errors import UserError
from twinlens.importing.formats.shards import (
    ShardedColumn,
    is_plain,
    is_text,
    read_cells,
    read_schema,
)
from twinlens.importing.source import Options, Source, SourceKind

ROLES = ("label", "group", "split")
_SPLITS = {"validation": "val"}  # Hugging Face's name: name in `SPLITS`


def detect(source: str) -> bool:
    """Return whether this is a Parquet file, or a folder of them with a column of images."""
    paths = _shards(Path(source))
    if not paths or Path(source).is_file():
        return bool(paths)
    schema = read_schema(paths[0])
    return "image" in schema.names or any(pa.types.is_struct(kind) for kind in schema.types)


def read(source: str, options: Options) -> Source:
    """Read all columns but the images of a Parquet file, or of the shards in a folder.

    Raises:
        UserError: A file is damaged, a column is missing or holds something else, or a split's
            name is unknown.
    """
    paths = _shards(Path(source))
    if not paths:
        raise UserError(f"{source} is neither a .parquet file nor a folder with some.")
    image = options.image or "image"
    schemas = [read_schema(path) for path in paths]
    shards = [read_cells(*each, image) for each in zip(paths, schemas, strict=True)]
    cells = _joined(source, shards)
    label, group, split = (_column(source, schemas, options, role) for role in ROLES)
    key = next((name for name in ("id", "image_id", image) if _tells_apart(cells, name)), None)
    sizes = [len(shard) for shard in shards]
    split_map = {**_SPLITS, **options.split_map}
    labels, classes = _labels(source, cells, label, _class_names(source, schemas, label))
    if split:
        splits = map_splits(_text(cells, split), split_map)
    else:
        splits = _splits_of_shards(paths, sizes, labels, split_map)
    parts = {
        "id": _text(cells, key) if key else _places(paths, sizes),
        "label": labels,
        "group": _text(cells, group),
        "split": splits,
    }
    used = (key, image, label, group, split)
    rest = cells.select([name for name in cells.column_names if name not in used])
    plain = rest.replace_schema_metadata(None)  # pandas' part of it may be damaged
    for name, values in plain.to_pandas().items():
        parts[f"source_{name}" if name in ("id", *ROLES) else name] = values
    table = pd.DataFrame(parts)
    content = partial(_content, options.root or paths[0].parent, ShardedColumn(paths, image))
    return Source(table, range(len(table)), content, classes=classes)


def _shards(source: Path) -> list[Path]:
    """Return a Parquet file, or those in a folder or its sub-folder ``data``, sorted."""
    if source.is_file():
        return [source] if source.suffix.lower() == ".parquet" else []
    pattern = "[!._]*.parquet"
    return sorted(source.glob(pattern)) or sorted((source / "data").glob(pattern))


def _joined(source: str, shards: list[pa.Table]) -> pa.Table:
    try:
        cells = pa.concat_tables(shards, promote_options="permissive")
    except pa.ArrowException as error:
        raise UserError(f"The shards of {source} hold different things: {error}.") from error
    if not len(cells):
        raise UserError(f"{source} has no rows.")
    return cells


def _column(source: str, schemas: list[pa.Schema], options: Options, role: str) -> str | None:
    """Return the column of a role, if there is one."""
    kinds = {field.name: field.type for schema in schemas for field in schema}
    asked = getattr(options, role)
    if asked == "":
        return None
    name = asked or role
    if name in kinds and not is_plain(kinds[name]):
        raise UserError(
            f"{source}: the column '{name}' holds {kinds[name]}, and a {role} is one text or "
            f"number per image: name another with --{role}."
        )
    if asked is not None and asked not in kinds:
        raise UserError(
            f"{source} has no column '{asked}' (--{role}); its columns are {', '.join(kinds)}."
        )
    return name if name in kinds else None


def _text(cells: pa.Table, name: str | None) -> pd.Series:
    """Return a column as text; blank cells, and all of no column, are missing."""
    if name is None:
        return pd.Series(None, index=range(len(cells)), dtype=object)
    column = cells[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    filled: pd.Series = pc.if_else(pc.equal(text, ""), None, text).to_pandas()
    return filled


def _tells_apart(cells: pa.Table, name: str) -> bool:
    """Return whether a column has a text of its own for each image."""
    if name not in cells.column_names:
        return False
    text = _text(cells, name)
    return bool(text.notna().all() and text.is_unique)


def _places(paths: list[Path], sizes: list[int]) -> pd.Series:
    """Return shard and row of each image."""
    rows = [
        f"{path.stem}/" + pd.Series(range(size)).astype(str)
        for path, size in zip(paths, sizes, strict=True)
    ]
    return pd.concat(rows, ignore_index=True)


def _labels(
    source: str, cells: pa.Table, name: str | None, names: Sequence[str]
) -> tuple[pd.Series, list[str] | None]:
    """Return the class of each image, and all classes in order if they have names."""
    if name is None or is_text(cells[name].type):
        return _text(cells, name), None
    try:
        numbers = cells[name].cast(pa.int64()).fill_null(-1).to_numpy()
    except pa.ArrowException as error:
        raise UserError(
            f"{source}: the column '{name}' holds {cells[name].type}; labels are text or whole "
            f"numbers ({error})."
        ) from error
    top = int(numbers.max())
    if numbers.min() < -1 or (names and top >= len(names)):
        raise UserError(
            f"{source}: the column '{name}' has labels from {numbers.min()} to {top}; they are "
            f"whole numbers from 0{f' to {len(names) - 1}' if names else ''}, or -1 for none."
        )
    digits = len(str(top))
    classes = dict(enumerate(names)) or {
        number: f"{number:0{digits}}" for number in np.unique(numbers[numbers >= 0]).tolist()
    }
    return pd.Series(numbers).map(classes), list(dict.fromkeys(names)) or None


def _class_names(source: str, schemas: list[pa.Schema], column: str | None) -> Sequence[str]:
    """Return the class of each number, as Hugging Face's metadata has it; empty if it has none."""
    found = {_names(schema, column) for schema in schemas if column in schema.names}
    if len(found) > 1:
        raise UserError(f"The shards of {source} name the classes of '{column}' differently.")
    return next(iter(found), ())


def _names(schema: pa.Schema, column: str | None) -> tuple[str, ...]:
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[column]["names"]))
    except (KeyError, TypeError, ValueError):  # any of it may be missing
        return ()


def _splits_of_shards(
    paths: list[Path], sizes: list[int], labels: pd.Series, split_map: Mapping[str, str]
) -> pd.Series:
    """Return the split of each image by the name of its file, if these are names of splits."""
    names = pd.Series([re.sub(r"-\d+(-of-.*)?$", "", path.stem) for path in paths])
    if not names.isin([*SPLITS, *split_map]).any():
        return pd.Series(None, index=labels.index, dtype=object)
    splits = map_splits(names, split_map).repeat(sizes).set_axis(labels.index)
    return splits.where(labels.notna(), "unlabelled")


def _content(folder: Path, images: ShardedColumn, row: int) -> bytes:
    """Return an image's file, which the cell holds or names."""
    cell = images[row]
    if isinstance(cell, dict):
        cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
    if not isinstance(cell, str):
        return cell or b""
    if not (folder / cell).is_file():  # a device would never end
        raise FileNotFoundError(errno.ENOENT, f"no file {cell}")
    return (folder / cell).read_bytes()


SOURCE = SourceKind(
    "Parquet as Hugging Face datasets write it, the images inside", detect, read, has_columns=True
)
