"""A folder with one sub-folder per class.

The class is the sub-folder's name, at whatever depth below it an image lies. Where the outer
sub-folders are named after splits (``train/nevus/1.jpg``), they are the splits, and the class
is the next level. A folder that holds all the others is entered. What lies in a folder
``unlabelled``, or in no class's folder, has no label.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twinlens.data.table import SPLITS, map_splits
from twinlens.errors import UserError
from twinlens.importing.find_images import SUFFIXES, image_files
from twinlens.importing.formats.dicom_header import patient_groups
from twinlens.importing.source import Options, Source, SourceKind

_PLAIN = {"images", "image", "imgs", "img"}
"""Names of a lone sub-folder that are no class."""

Parts = list[tuple[str, ...]]


def detect(source: str) -> bool:
    """Return whether the images of this folder lie in folders of classes."""
    root = Path(source)
    labels = set(_labels(_folders(root, image_files(root)), Options())[0]) - {None}
    return len(labels) > 1 or any(str(name).lower() not in _PLAIN for name in labels)


def read(source: str, options: Options) -> Source:
    """Read a folder with one sub-folder per class."""
    paths = image_files(Path(source))
    labels, splits = _labels(_folders(Path(source), paths), options)
    return source_of(Path(source), paths, labels, splits, options)


def source_of(
    root: Path,
    paths: list[Path],
    labels: Sequence[str | None],
    splits: Sequence[str | None],
    options: Options,
) -> Source:
    """Return the source of images found in a folder.

    Raises:
        UserError: There are none.
    """
    if not paths:
        raise UserError(f"{root} is not a folder with images ({', '.join(sorted(SUFFIXES))}).")
    ids = [path.relative_to(root).as_posix() for path in paths]
    groups = ids if options.group == "" else patient_groups(paths, ids)
    table = pd.DataFrame({"id": ids, "label": labels, "group": groups, "split": splits})
    table["split"] = map_splits(table["split"], options.split_map)
    return Source(table, paths)


def _folders(root: Path, paths: list[Path]) -> Parts:
    return [path.relative_to(root).parent.parts for path in paths]


def _labels(folders: Parts, options: Options) -> tuple[list[str | None], list[str | None]]:
    """Return the label and the split of each image by the folders that it lies in."""
    known = {*SPLITS, *options.split_map}
    while _are_wrapped(folders, known):
        folders = [parts[1:] for parts in folders]
    splits: list[str | None] = [None] * len(folders)
    names = {parts[0] for parts in folders if parts}
    if names <= known and names - {"unlabelled"}:
        splits = [parts[0] if parts else None for parts in folders]
        folders = [parts[1:] for parts in folders]
    labels = [parts[0] if parts and parts[0] != "unlabelled" else None for parts in folders]
    return labels, splits


def _are_wrapped(folders: Parts, known: set[str]) -> bool:
    """Return whether all images but loose ones lie in sub-folders of one folder."""
    deep = [parts for parts in folders if parts]
    names = {parts[0] for parts in deep}
    return len(names) == 1 and not names & known and all(len(parts) > 1 for parts in deep)


SOURCE = SourceKind("a folder with one sub-folder per class", detect, read)
