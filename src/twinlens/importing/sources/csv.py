"""A CSV file with one row per image, and the folder that the images lie in.

Separators may be comma, semicolon or tab; encodings UTF-8, UTF-16 (by its byte order mark)
or else Windows-1252, which covers Latin-1. An image may be named by its path (absolute, or from
the CSV's folder), or by its file name or id anywhere below that folder, with or without the
extension.
"""

from pathlib import Path

import pandas as pd

from twinlens.data.table import map_splits
from twinlens.errors import UserError
from twinlens.importing.csv_text import read_cells, typed
from twinlens.importing.find_images import image_files, with_images
from twinlens.importing.source import Options, Source, SourceKind

ROLES = ("image", "label", "group", "split")


def find_csv(folder: Path) -> Path | None:
    """Return the one CSV file that lies in a folder, or None.

    Raises:
        UserError: There are several.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(
            f"{folder} holds several tables ({names}): pass one of them as SOURCE, or --kind "
            "folder if its sub-folders are the classes."
        )
    return found[0] if found else None


def detect(source: str) -> bool:
    """Return whether this is a CSV file, or a folder with one."""
    path = Path(source)
    if path.is_dir():
        return find_csv(path) is not None
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".txt")


def read(source: str, options: Options) -> Source:
    """Read a CSV file, or the one in a folder.

    Raises:
        UserError: The file is no such table, a column is missing, an image is named twice, or a
            split's name is unknown.
    """
    path = _path(Path(source))
    cells = read_cells(path)
    columns = {role: _column(path, cells, role, getattr(options, role)) for role in ROLES}
    if columns["image"] is None:
        raise UserError(
            f"{path} has no column 'image': name the column of files or ids with --image; "
            f"its columns are {', '.join(cells.columns)}."
        )
    table = _table(cells, columns)
    table["split"] = map_splits(table["split"], options.split_map)
    return with_images(path, table, image_files(path.parent), options)


def _path(source: Path) -> Path:
    if source.is_file():
        return source
    found = find_csv(source) if source.is_dir() else None
    if found is None:
        raise UserError(f"{source} is neither a CSV file nor a folder with one.")
    return found


def _column(path: Path, cells: pd.DataFrame, role: str, asked: str | None) -> str | None:
    if asked == "":
        return None
    if asked is not None and asked not in cells.columns:
        raise UserError(
            f"{path} has no column '{asked}' (--{role}); its columns are "
            f"{', '.join(cells.columns)}."
        )
    return asked or (role if role in cells.columns else None)


def _table(cells: pd.DataFrame, columns: dict[str, str | None]) -> pd.DataFrame:
    parts = {"id": cells[columns["image"]]}
    for role in ("label", "group", "split"):
        name = columns[role]
        parts[role] = cells[name] if name else pd.Series(None, index=cells.index, dtype=object)
    for name in cells.columns:
        if name not in columns.values():
            parts[f"source_{name}" if name in parts else name] = typed(cells[name])
    return pd.DataFrame(parts)


SOURCE = SourceKind(
    "a CSV file with one row per image, and the folder of the images",
    detect,
    read,
    has_columns=True,
)
