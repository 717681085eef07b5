"""What lies in a folder: images, their masks and other files, whatever the folders are.

Links to folders are followed, but not in circles. Left out are hidden files and folders, those
that systems and network storages leave behind, and data sets that `twinlens import` made.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from twinlens.data.dataset import MARKER, TABLE
from twinlens.importing.decode import DICOM_HEAD, is_dicom

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".jp2", ".pbm", ".pgm", ".ppm",
}  # fmt: skip

DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}

_SYSTEM = {
    "__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found",
    "$recycle.bin", "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip

_MASK_FOLDER = re.compile(r"(^|[\W_])(masks?|segmentations?|superpixels?)($|[\W_])", re.IGNORECASE)
_MASK_FILE = re.compile(r"[\W_](mask|segmentation|superpixels?)([\W_]?\d+)?$", re.IGNORECASE)
_MASKS_OF_A_CASE = ("_lesion", "_roi")  # as in PH2: IMD003/IMD003_lesion


@dataclass(frozen=True)
class Listing:
    """The files below a folder, sorted.

    Attributes:
        images: Files that may be images, see `is_image`.
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
    hidden: set[str] = set()
    images: list[Path] = []
    masks: list[Path] = []
    others: list[Path] = []

    def report(error: OSError) -> None:
        closed.append(as_text(str(error.filename)))

    for place, folders, names in _walk(root, report):
        hidden.update(map(as_text, filter(is_hidden, folders)))
        masked = _holds_masks(place.relative_to(root).parts)
        for name in itertools.filterfalse(is_hidden, names):
            path, stem = place / name, name.rpartition(".")[0]
            if not is_image(path):
                others.append(path)
            elif masked or _MASK_FILE.search(stem) or _is_mask_of(place.name, stem):
                masks.append(path)
            else:
                images.append(path)
    if not images:
        images, masks = masks, []
    for paths in (images, masks, others):
        paths.sort(key=attrgetter("parts"))
    return Listing(images, masks, others, sorted(hidden), closed)


def image_files(root: Path) -> list[Path]:
    """Return the image files below a folder, sorted; see `Listing`."""
    return list_files(root).images


def is_image(path: Path) -> bool:
    """Return whether a file is an image by its name, or DICOM, which often has no suffix."""
    if path.suffix.lower() in SUFFIXES | DICOM_SUFFIXES:
        return True
    return path.name != "DICOMDIR" and path.is_file() and holds_dicom(path)


def holds_dicom(path: Path) -> bool:
    """Return whether a file is DICOM by its content, whatever its name."""
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(DICOM_HEAD))
    except OSError:
        return False


def id_of(root: Path, path: Path) -> str:
    """Return the path of a file from a folder as text, with slashes."""
    return as_text(path.as_posix().removeprefix(root.as_posix()).lstrip("/"))


def as_text(path: str) -> str:
    """Return a path as text; names in it that are not UTF-8, as in old archives, as Latin-1."""
    if path.isascii():
        return path
    return "/".join(map(_text, path.split("/")))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or something that a system leaves behind."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def _walk(
    root: Path, report: Callable[[OSError], object]
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder with the names of its folders and files, as `os.walk` does."""
    around: dict[Path, frozenset[str]] = {root: frozenset()}  # the folders that each lies in
    for folder, folders, names in os.walk(root, onerror=report, followlinks=True):
        place = Path(folder)
        above = around.pop(place) | {os.path.realpath(place)}
        if {MARKER, TABLE} <= {*names} and place != root:
            folders.clear()
            continue
        yield place, [*folders], names
        inner = {name: place / name for name in folders if not is_hidden(name)}
        folders[:] = [name for name in inner if os.path.realpath(inner[name]) not in above]
        around.update((inner[name], above) for name in folders)


def _holds_masks(folders: tuple[str, ...]) -> bool:
    pairs = itertools.pairwise(folders)
    return any(map(_MASK_FOLDER.search, folders)) or any(_is_mask_of(*pair) for pair in pairs)


def _is_mask_of(case: str, name: str) -> bool:
    return name.startswith(case) and name[len(case) :] in _MASKS_OF_A_CASE


def _text(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
