"""The image files that the rows of a table name, also where the names are spelled otherwise."""

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, takewhile
from pathlib import Path
from unicodedata import normalize

import pandas as pd

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.importing.listing import DICOM_SUFFIXES, SUFFIXES, as_text, id_of
from twinlens.importing.notes import listed
from twinlens.importing.source import Options, Source

ROLES = ("label", "group", "split")
NO_FILE = "no such file"


def with_images(path: Path, table: pd.DataFrame, files: list[Path], options: Options) -> Source:
    """Join a table with the images that it names; rows without one are listed as skipped.

    Args:
        path: The file that the table is from; relative names start from its folder, or from
            ``options.root``.
        table: See `Source`; ``id`` names the image, and the index is the line in the file.
        files: The image files that may be meant.
        options: If only the table is wanted, all rows are kept, and no image is looked for.

    Raises:
        UserError: Rows of one image contradict each other.
    """
    places: list[Path | str]
    if options.table_only:
        named = table["id"].notna()
        places = table["id"].where(named, "the row names no image").tolist()
    else:
        places = locate(options.root or path.parent, table["id"], files)
        named = pd.Series([isinstance(place, Path) for place in places], index=table.index)
    images = [
        place if isinstance(place, Path) else name
        for name, place in zip(table["id"], places, strict=True)
    ]
    kept = named & first_rows(path, table, images)
    missing = [
        (str(table["id"][line] or f"{path.name}, line {line}"), str(place))
        for line, place in zip(table.index[~named], compress(places, ~named), strict=True)
    ]
    items = [*compress(places, kept)]
    return Source(table[kept].reset_index(drop=True), items, skipped=missing, used=[path])


def first_rows(path: Path, table: pd.DataFrame, images: Sequence[Path | str | None]) -> pd.Series:
    """Return for each row of a table whether no earlier row is of the same image.

    Tables of findings have several rows an image. They are one if label, group and split agree.

    Args:
        path: The table's file.
        table: Columns ``id`` and `ROLES`; the index is the line in the file.
        images: What each row names; None: nothing.

    Raises:
        UserError: Rows of one image differ in label, group or split.
    """
    named = pd.Series([*images], index=table.index, dtype=object)
    again = named.notna() & named.duplicated()
    repeated = named[named.isin(named[again])]
    for role in ROLES:
        cells = table[role][repeated.index].groupby(repeated, sort=False)
        differing = [rows for _, rows in cells if rows.nunique(dropna=False) > 1]
        if differing:
            shown = listed(_lines(table, rows.index) for rows in differing)
            raise UserError(
                f"{path} names images more than once, with another {role}: {shown}; keep "
                f"one row per image, or choose another column with --{role}."
            )
    if again.any():
        say(f"{path.name}: {again.sum():,} rows repeat an earlier row's image: left out.")
    return ~again


def _lines(table: pd.DataFrame, lines: pd.Index) -> str:
    return f"'{table['id'][lines[0]]}' (lines {', '.join(map(str, lines))})"


def locate(folder: Path, names: Iterable[str | None], files: Iterable[Path]) -> list[Path | str]:
    """Return for each name its file's path, or the reason why it has none.

    A name is a path from the folder, or the end of one file's path, with or without the
    extension. If there is none, case, extension, Unicode form and leading zeros may differ, and
    absolute paths of another machine lose the folders that they have in common.

    Args:
        folder: What relative names are relative to.
        names: A name an image. May be missing.
        files: The files that may be meant.
    """
    plain = [name and name.replace("\\", "/") for name in names]
    absent = {name for name in plain if name and not _is_file(folder / name)}
    shared = _shared_folder(absent)
    known = _Files(folder, files)
    guesses: list[tuple[str, Path]] = []

    def place(name: str | None) -> Path | str:
        if name is None:
            return "the row names no image"
        if name not in absent:
            return folder / name
        found, exact = known.find(name.removeprefix(shared))
        if len(found) > 1:
            found = _nearest(found, name)
        if not found:
            return NO_FILE
        if len(found) > 1:
            alike = listed(as_text(str(path)) for path in found)
            return (
                f"several files have this name: {alike}; "
                "--root names the folder of those that are meant"
            )
        if not exact or (shared and name.startswith(shared)):
            guesses.append((name, found[0]))
        return found[0]

    places = [place(name) for name in plain]
    if guesses:
        name, path = guesses[0]
        say(
            f"Names that are spelled otherwise than their files: {len(guesses):,}, such as "
            f"'{name}' for {path}."
        )
    return places


class _Files:
    """Files by the ends of their paths, in ever looser spellings."""

    def __init__(self, folder: Path, files: Iterable[Path]) -> None:
        self._paths = [
            (id_of(folder, path) if path.is_relative_to(folder) else as_text(path.as_posix()), path)
            for path in files
        ]
        self._indices: list[dict[str, list[tuple[str, Path]]]] = []

    def find(self, name: str) -> tuple[list[Path], bool]:
        """Return the files that a name may mean, and whether it is spelled as they are."""
        name = posixpath.normpath(name)
        for number, (_, of_name) in enumerate(_SPELLINGS):
            wanted = of_name(name)
            alike = self._index(number).get(posixpath.basename(wanted), ())
            found = [path for whole, path in alike if f"/{whole}".endswith(f"/{wanted}")]
            if found:
                return sorted(found), number < _EXACT
        return [], False

    def _index(self, number: int) -> dict[str, list[tuple[str, Path]]]:
        """Return the paths in a spelling, by their last part; made when first needed."""
        while number >= len(self._indices):
            of_file, _ = _SPELLINGS[len(self._indices)]
            index = defaultdict(list)
            for name, path in self._paths:
                spelled = of_file(name)
                index[posixpath.basename(spelled)].append((spelled, path))
            self._indices.append(index)
        return self._indices[number]


def _composed(name: str) -> str:
    return normalize("NFC", name)


def _bare(name: str) -> str:
    return posixpath.splitext(_composed(name))[0]


def _folded(name: str) -> str:
    return _composed(name).casefold()


def _without_suffix(name: str) -> str:
    """Drop what is an image's extension; an id may hold a full stop, too."""
    start, suffix = posixpath.splitext(_folded(name))
    return start if suffix in SUFFIXES | DICOM_SUFFIXES else _folded(name)


def _unpadded(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


_SPELLINGS: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
    (_composed, _composed),
    (_bare, _composed),
    (_folded, _folded),
    (lambda file: _bare(file).casefold(), _without_suffix),
    (lambda file: _unpadded(_bare(file).casefold()), lambda name: _unpadded(_without_suffix(name))),
)
"""Pairs of functions, of a file's path and of a name, which agree where the name means the file."""

_EXACT = 2  # of them do not change the spelling


def _shared_folder(names: Iterable[str]) -> str:
    """Return the folder that all absolute paths among the names start with, with its slash."""
    folders = [name.split("/")[:-1] for name in names if re.match(r"/|[A-Za-z]:/", name)]
    return "/".join([*_common_start(folders), ""]) if folders else ""


def _common_start(paths: Iterable[Sequence[str]]) -> list[str]:
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return [parts[0] for parts in alike]


def _nearest(files: list[Path], name: str) -> list[Path]:
    """Return those of some files whose paths have the longest end in common with a name."""
    backwards = name.split("/")[::-1]
    common = [len(_common_start([file.parts[::-1], backwards])) for file in files]
    return [file for file, parts in zip(files, common, strict=True) if parts == max(common)]


def _is_file(path: Path) -> bool:
    """Return whether there is a file; a text that can be no path is none."""
    return os.path.isfile(path)  # noqa: PTH113, Path.is_file raises where a name is too long
