"""A CSV file with a row an image, and the folder that the images lie in.

Separators may be comma, semicolon or tab; encodings UTF-8, UTF-16 (told by its byte order mark)
or else Windows-1252, which covers Latin-1. An image may be named by its path (absolute, or from
the CSV's folder), or by its file name or id anywhere below that folder, with or without the
extension.
"""

import csv
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import defaultdict
from io import StringIO
from pathlib import Path

import pandas as pd

from twinlens.console import say
from twinlens.data.source import Options, Source
from twinlens.data.sources.folder import image_files
from twinlens.data.table import map_splits
from twinlens.errors import UserError

ROLES = ("image", "label", "group", "split")


def find_csv(folder: Path) -> Path | None:
    """Return the one CSV file that lies in a folder, or None.

    Raises:
        UserError: There are several.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(f"{folder} holds several tables ({names}): pass one of them as SOURCE.")
    return found[0] if found else None


def read(source: str, options: Options) -> Source:
    """Read a CSV file, or the one in a folder.

    Raises:
        UserError: The file is no such table, a column is missing, an image is named twice, or a
            split's name is unknown.
    """
    path = _path(Path(source))
    cells = _cells(path)
    columns = {role: _column(path, cells, role, getattr(options, role)) for role in ROLES}
    if columns["image"] is None:
        raise UserError(
            f"{path} has no column 'image': name the column of files or ids with --image; "
            f"its columns are {', '.join(cells.columns)}."
        )
    table = _table(cells, columns)
    table["split"] = map_splits(table["split"], options.split_map)
    places = _locate(path.parent, table["id"])
    _refuse_repeats(path, table["id"], places)
    there = [isinstance(place, Path) for place in places]
    missing = [
        (str(name or f"{path.name}, line {line}"), str(place))
        for (line, name), place in zip(table["id"].items(), places, strict=True)
        if not isinstance(place, Path)
    ]
    items = [place for place in places if isinstance(place, Path)]
    return Source(table[there].reset_index(drop=True), items, skipped=missing)


def _path(source: Path) -> Path:
    if source.is_file():
        return source
    found = find_csv(source) if source.is_dir() else None
    if found is None:
        raise UserError(f"{source} is neither a CSV file nor a folder with one.")
    return found


def _text(path: Path) -> str:
    content = path.read_bytes()
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        say(f"{path.name} is not UTF-8: read as Windows-1252.")
    if "\0" in text or "\ufffd" in text:
        raise UserError(f"{path} is not a table in a known encoding: save it as CSV in UTF-8.")
    return text


def _cells(path: Path) -> pd.DataFrame:
    """Read all cells as text, blank ones as missing; the index is the line in the file."""
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    try:
        numbered = [
            (reader.line_num, [cell.strip() or None for cell in row]) for row in reader if any(row)
        ]
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}.") from error
    if len(numbered) < 2:
        raise UserError(f"{path} has no rows below its header.")
    (_, names), *rows = numbered
    if None in names or len(set(names)) < len(names):
        raise UserError(f"{path} needs a header in which every column has a name of its own.")
    for line, row in rows:
        if len(row) != len(names):
            raise UserError(f"{path}, line {line}: {len(row)} cells, but {len(names)} columns.")
    index = [line for line, _ in rows]
    return pd.DataFrame([row for _, row in rows], index=index, columns=names, dtype=object)


def _column(path: Path, cells: pd.DataFrame, role: str, asked: str | None) -> str | None:
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
            parts[f"source_{name}" if name in parts else name] = _typed(cells[name])
    return pd.DataFrame(parts)


def _typed(column: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def _locate(folder: Path, names: pd.Series) -> list[Path | str]:
    """Return for each name its file's path, or the reason why it has none."""
    known: dict[str, set[Path]] = defaultdict(set)
    for path in image_files(folder):
        relative = path.relative_to(folder)
        for key in (relative.with_suffix("").as_posix(), relative.name, relative.stem):
            known[key].add(path)

    def locate(name: str | None) -> Path | str:
        if name is None:
            return "the row names no image"
        name = name.replace("\\", "/")
        if (folder / name).is_file():
            return folder / name
        found = sorted(known.get(name, ()))
        if len(found) > 1:
            return f"several files have this name: {', '.join(map(str, found))}"
        return found[0] if found else "no such file"

    return [locate(name) for name in names]


def _refuse_repeats(path: Path, names: pd.Series, places: list[Path | str]) -> None:
    """Refuse a table that names an image in two rows, be it in two spellings."""
    rows = defaultdict(list)
    for (line, name), place in zip(names.items(), places, strict=True):
        if name is not None:
            rows[place if isinstance(place, Path) else name].append((name, line))
    repeated = [
        f"'{same[0][0]}' (lines {', '.join(str(line) for _, line in same)})"
        for same in rows.values()
        if len(same) > 1
    ]
    if repeated:
        more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        raise UserError(
            f"{path} names images more than once: {', '.join(repeated[:5])}{more}; "
            "keep one row an image."
        )
