"""Finding the image files that a table names."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from twinlens.errors import UserError
from twinlens.importing.listing import SUFFIXES as SUFFIXES
from twinlens.importing.listing import as_text, id_of
from twinlens.importing.listing import image_files as image_files
from twinlens.importing.source import Options, Source


def with_images(path: Path, table: pd.DataFrame, files: list[Path], options: Options) -> Source:
    """Join a table with the images that it names; rows without one are listed as skipped.

    Args:
        path: The file that the table is from; relative names start from its folder.
        table: See `Source`; ``id`` names the image, and the index is the line in the file.
        files: The image files that may be meant.
        options: If only the table is wanted, all rows are kept, and no image is looked for.

    Raises:
        UserError: An image is named in two rows.
    """
    if options.table_only:
        _refuse_repeats(path, table["id"], table["id"].tolist())
        named = table["id"].notna()
        places = table["id"].where(named, "the row names no image").tolist()
    else:
        places = locate(path.parent, table["id"], files)
        _refuse_repeats(path, table["id"], places)
        named = pd.Series([isinstance(place, Path) for place in places], index=table.index)
    lines = table.index[~named]
    missing = [
        (str(table["id"][line] or f"{path.name}, line {line}"), str(place))
        for line, place in zip(lines, itertools.compress(places, ~named), strict=True)
    ]
    items = list(itertools.compress(places, named))
    return Source(table[named].reset_index(drop=True), items, skipped=missing, used=[path])


def locate(folder: Path, names: pd.Series, files: Iterable[Path]) -> list[Path | str]:
    """Return for each name its file's path, or the reason why it has none.

    Args:
        folder: What relative names are relative to.
        names: A name an image: its path, or the file name or id of one of the files, with or
            without the extension. May be missing.
        files: The files that may be meant.
    """
    known: dict[str, set[Path]] = defaultdict(set)
    for path in files:
        relative = Path(id_of(folder, path)) if path.is_relative_to(folder) else path
        places = (relative, relative.with_suffix(""))
        for key in (*(place.as_posix() for place in places), relative.name, relative.stem):
            known[key].add(path)

    def place(name: str | None) -> Path | str:
        if name is None:
            return "the row names no image"
        name = name.replace("\\", "/")
        if (folder / name).is_file():
            return folder / name
        found = sorted(known.get(name, ()))
        if len(found) > 1:
            return f"several files have this name: {', '.join(map(as_text, map(str, found)))}"
        return found[0] if found else "no such file"

    return [place(name) for name in names]


def _refuse_repeats(path: Path, names: pd.Series, places: Sequence[Path | str | None]) -> None:
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
            "keep one row per image."
        )
