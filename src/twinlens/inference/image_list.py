"""The image files that a user names: files, folders, patterns and lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.importing.listing import list_files
from twinlens.importing.sources.csv import is_table
from twinlens.importing.table_file import read_cells

_WILDCARDS = "*?["
_COLUMNS = ("image", "file_name", "file")


def find_images(images: Sequence[Path | str]) -> list[Path]:
    """Return the image files that are meant, in the order given.

    Files that a list names are taken as they are, even if there are none.

    Args:
        images: Files; folders, whose masks are left out; patterns with ``*``, ``?``, ``[...]`` and,
            for folders at any depth, ``**``; tables with a column ``image``, ``file_name`` or
            ``file``, whose paths start at the table's folder.

    Raises:
        UserError: A path does not exist, a table has no such column, or there are no images.
    """
    files = [file for path in images for file in _files(Path(path))]
    if not files:
        raise UserError(f"There are no image files in {', '.join(map(str, images))}.")
    return files


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _of_folder(path)
    elif is_table(path):
        yield from _of_table(path)
    elif path.exists():
        yield path
    elif set(_WILDCARDS) & set(str(path)):
        pattern = str(path.relative_to(path.anchor))
        yield from sorted(filter(Path.is_file, Path(path.anchor).glob(pattern)))
    else:
        raise UserError(f"{path} does not exist.")


def _of_folder(path: Path) -> list[Path]:
    found = list_files(path)
    if found.masks:
        number, example = len(found.masks), found.masks[0].name
        say(f"Masks in {path} are left out, as their names say: {number:,}, such as {example}.")
    return found.images


def _of_table(path: Path) -> list[Path]:
    cells = read_cells(path)
    column = next((name for name in _COLUMNS if name in cells.columns), None)
    if column is None:
        raise UserError(
            f"{path} has no column {', '.join(_COLUMNS[:-1])} or {_COLUMNS[-1]} that names image "
            f"files; its columns are {', '.join(cells.columns)}."
        )
    return [path.parent / name for name in cells[column].dropna()]
