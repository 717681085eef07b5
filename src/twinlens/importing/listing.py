"""What lies in a folder: images, their masks and other files, whatever the folders are.

Links to folders are followed, but not in circles. Left out are hidden files and folders, those
that systems and network storages leave behind, and data sets that `twinlens import` made.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from twinlens.data.dataset import MARKER, TABLE

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".jp2", ".pbm", ".pgm", ".ppm",
}  # fmt: skip

_SYSTEM = {
    "__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found",
    "$recycle.bin", "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip

_MASK_FOLDER = re.compile(r"(^|[\W_])(masks?|segmentations?|superpixels?)($|[\W_])", re.IGNORECASE)
_MASK_FILE = re.compile(r"[\W_](mask|segmentation|superpixels?)([\W_]?\d+)?$", re.IGNORECASE)
_MASKS_OF_A_CASE = ("lesion", "roi")  # as in PH2: IMD003/IMD003_lesion


@dataclass(frozen=True)
class Listing:
    """The files below a folder, sorted.

    Attributes:
        images: Files that may be images by their names.
        masks: Those that are masks of others by their names; none if there is nothing else.
        others: All other files.
        hidden: Names of hidden and system folders.
        closed: Folders that could not be opened.
    """

    images: list[Path] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def list_files(root: Path) -> Listing:
    """List the files below a folder; empty if it is none."""
    closed: list[str] = []
    files, hidden = _walk(root, lambda error: closed.append(str(error.filename)))
    pictures = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    masks = [path for path in pictures if _is_mask(path.relative_to(root).parts)]
    if len(masks) == len(pictures):
        masks = []
    images = sorted({*pictures}.difference(masks))
    return Listing(images, masks, sorted({*files}.difference(pictures)), sorted(hidden), closed)


def image_files(root: Path) -> list[Path]:
    """Return the image files below a folder, sorted; see `Listing`."""
    return list_files(root).images


def id_of(root: Path, path: Path) -> str:
    """Return the path of a file from a folder as text, with slashes."""
    return as_text(path.relative_to(root).as_posix())


def as_text(path: str) -> str:
    """Return a path as text; names in it that are not UTF-8, as in old archives, as Latin-1."""
    return "/".join(map(_text, path.split("/")))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or something that a system leaves behind."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def _walk(root: Path, report: Callable[[OSError], object]) -> tuple[list[Path], set[str]]:
    files: list[Path] = []
    hidden: set[str] = set()
    around: dict[Path, frozenset[str]] = {root: frozenset()}  # the folders that each lies in
    for folder, folders, names in os.walk(root, onerror=report, followlinks=True):
        place = Path(folder)
        above = around.pop(place) | {os.path.realpath(place)}
        if {MARKER, TABLE} <= {*names} and place != root:
            folders.clear()
            continue
        hidden.update(filter(is_hidden, folders))
        inner = {name: place / name for name in folders if not is_hidden(name)}
        folders[:] = [name for name in inner if os.path.realpath(inner[name]) not in above]
        around.update((inner[name], above) for name in folders)
        files += [place / name for name in names if not is_hidden(name)]
    return files, hidden


def _is_mask(parts: tuple[str, ...]) -> bool:
    *folders, name = parts
    stem = Path(name).stem
    cases = pairwise([*folders, stem])
    return (
        any(map(_MASK_FOLDER.search, folders))
        or bool(_MASK_FILE.search(stem))
        or any(inner in {f"{case}_{what}" for what in _MASKS_OF_A_CASE} for case, inner in cases)
    )


def _text(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
