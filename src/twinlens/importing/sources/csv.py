"""A table with one row per image, and the folder that the images lie in.

Tables are CSV (comma, semicolon or tab; UTF-8, UTF-16 by its byte order mark, or else Windows-1252,
which covers Latin-1), Excel, or JSON lines. An image may be named by its path (absolute, or from
the table's folder, or from ``--root``), or by its file name or id anywhere below that folder, with
or without the extension. Names that differ a little from the files' are told; see `locate`.

Hugging Face's ``metadata.jsonl`` or ``metadata.csv`` may lie in sub-folders (train, test) instead;
the splits are then the names of the sub-folders, if all of them name splits.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from twinlens.console import say
from twinlens.data.table import map_splits, split_of
from twinlens.errors import UserError
from twinlens.importing.listing import SUFFIXES, image_files
from twinlens.importing.named_images import NO_FILE, ROLES, with_images
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.table_file import TABLE_SUFFIXES, read_cells, repeated, typed

_IMAGE_COLUMNS = ("image", "file_name")  # file_name: of Hugging Face's metadata


def is_table(path: Path) -> bool:
    """Return whether this is a file with the name of a table."""
    return path.suffix.lower() in TABLE_SUFFIXES and path.is_file()


def find_table(folder: Path) -> Path | None:
    """Return the one table that lies in a folder, or None; CSV files before others.

    Raises:
        UserError: There are several.
    """
    tables = sorted(path for path in folder.glob("[!.~]*") if is_table(path))
    found = [path for path in tables if path.suffix.lower() in (".csv", ".tsv")] or tables
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(
            f"{folder} holds several tables ({names}): pass one of them as SOURCE, or --kind "
            "folder if its sub-folders are the classes."
        )
    return found[0] if found else None


def detect(source: str) -> bool:
    """Return whether this is a table, or a folder with one."""
    path = Path(source)
    if path.is_dir():
        return find_table(path) is not None or bool(_metadata(path))
    return is_table(path) or (path.is_file() and path.suffix.lower() == ".txt")


def read(source: str, options: Options) -> Source:
    """Read a table, or the one in a folder.

    Raises:
        UserError: The file is no such table, a column is missing, rows of one image contradict
            each other, or a split's name is unknown.
    """
    path = Path(source)
    if table := path if path.is_file() else find_table(path):
        return _read_table(table, options)
    if parts := _metadata(path):
        return _read_parts(parts, options)
    raise UserError(f"{source} is neither a table nor a folder with one.")


def _read_table(path: Path, options: Options) -> Source:
    root = options.root or path.parent
    found = with_images(path, read_rows(path, options), image_files(root), options)
    if options.table_only:
        return found
    if not found.items:
        hint = "; if the images lie elsewhere, pass that folder with --root"
        skipped = [(name, f"{why}{hint}" if why == NO_FILE else why) for name, why in found.skipped]
        found = replace(found, skipped=skipped)
    dicom = sum(path.suffix.lower() not in SUFFIXES for path in found.items)
    if dicom:
        say(f"DICOM among the images: {dicom:,}. To group them by patient, pass --kind dicom.")
    return found


def _metadata(folder: Path) -> list[Path]:
    """Return the tables of Hugging Face's ``imagefolder`` in the sub-folders of a folder."""

    def names_files(path: Path) -> bool:
        with path.open("rb") as file:
            return b"file_name" in file.readline()

    found = (path for suffix in ("csv", "jsonl") for path in folder.glob(f"*/metadata.{suffix}"))
    return sorted(filter(names_files, found))


def _read_parts(paths: Sequence[Path], options: Options) -> Source:
    """Read a table in each of several folders; the folder's name comes before the ids."""
    names = [path.parent.name for path in paths]
    splits = [options.split_map.get(name) or split_of(name) for name in names]
    if None in splits:
        splits = [None] * len(paths)
    tables: list[pd.DataFrame] = []
    items: list[Path] = []
    skipped: list[tuple[str, str]] = []
    for path, name, split in zip(paths, names, splits, strict=True):
        found = _read_table(path, options)
        table = found.table.assign(id=f"{name}/" + found.table["id"])
        tables.append(table if table["split"].notna().any() else table.assign(split=split))
        items += found.items
        skipped += [(f"{name}/{file}", why) for file, why in found.skipped]
    return Source(pd.concat(tables, ignore_index=True), items, skipped=skipped, used=paths)


def read_rows(path: Path, options: Options) -> pd.DataFrame:
    """Read a table: ``id``, label, group and split, then all other columns.

    The index is the line in the file; no image is looked for.

    Raises:
        UserError: The file is no table, a column is missing, or a split's name is unknown.
    """
    cells = read_cells(path)
    columns = {role: _column(path, cells, role, getattr(options, role)) for role in ROLES}
    names = [options.image] if options.image is not None else _IMAGE_COLUMNS
    image = next((name for name in names if name and name in cells.columns), None)
    if image is None:
        missing = options.image or "image"
        raise UserError(
            f"{path} has no column '{missing}': name the column of files or ids with --image; "
            f"its columns are {', '.join(cells.columns)}."
        )
    table = _arranged(cells, {"id": image, **columns})
    table["split"] = map_splits(table["split"], options.split_map)
    return table


def _column(path: Path, cells: pd.DataFrame, role: str, asked: str | None) -> str | None:
    """Return the column of a role: the one that is asked for, or that of the role's name."""
    name = role if asked is None else asked
    if name not in cells.columns:
        if not asked:
            return None
        raise UserError(
            f"{path} has no column '{asked}' (--{role}); its columns are "
            f"{', '.join(cells.columns)}."
        )
    if repeated(name) in cells.columns:
        raise UserError(
            f"{path} has several columns '{name}' that differ: rename that of the {role}, or pass "
            f'--{role} "" to use none.'
        )
    return name


def _arranged(cells: pd.DataFrame, columns: dict[str, str | None]) -> pd.DataFrame:
    """Put the columns of `columns` first, under their names there, and all others behind."""
    parts = {
        role: cells[name] if name else pd.Series(None, index=cells.index, dtype=object)
        for role, name in columns.items()
    }
    for name in cells.columns:
        if name not in columns.values():
            parts[f"source_{name}" if name in columns else name] = typed(cells[name])
    return pd.DataFrame(parts)


SOURCE = SourceKind(
    "a table (CSV, Excel or JSON lines) with one row per image, and the folder of the images",
    detect,
    read,
    has_columns=True,
)
