"""A folder with one sub-folder per class.

The class is the sub-folder's name, at whatever depth below it an image lies. Folders named after
splits in any common spelling, such as Training or valid, are never classes: around the folders of
classes (``train/nevus/1.jpg``) or in each of them (``nevus/train/1.jpg``) they are the splits.
What lies beside the folders of splits is not used. A folder that holds all the others is entered.
What lies in a folder ``unlabelled``, or in no class's folder, has no label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from twinlens.data.table import map_splits, split_of
from twinlens.errors import UserError
from twinlens.importing.formats.dicom_header import patient_groups
from twinlens.importing.listing import SUFFIXES, id_of, image_files
from twinlens.importing.notes import listed, note
from twinlens.importing.source import Options, Source, SourceKind

_PLAIN = {"images", "image", "imgs", "img"}
"""Names of a lone sub-folder that are no class."""

Parts = list[tuple[str, ...]]


class Place(NamedTuple):
    """Label and split of an image by the folders that it lies in, as the folders are named.

    `ignored` is a folder beside the classes that is named like a split.
    """

    label: str | None
    split: str | None = None
    ignored: str | None = None


def detect(source: str) -> bool:
    """Return whether the images of this folder lie in folders of classes."""
    root = Path(source)
    places = _places(_folders(root, image_files(root)), {})
    labels = {place.label for place in places if place and place.label is not None}
    return len(labels) > 1 or any(name.lower() not in _PLAIN for name in labels)


def read(source: str, options: Options) -> Source:
    """Read a folder with one sub-folder per class."""
    root = Path(source)
    paths = image_files(root)
    places = _places(_folders(root, paths), options.split_map)
    used = [(path, place) for path, place in zip(paths, places, strict=True) if place]
    labels, splits = [place.label for _, place in used], [place.split for _, place in used]
    found = source_of(root, [path for path, _ in used], labels, splits, options)
    ignored = sorted({place.ignored for _, place in used if place.ignored})
    said = [note("named_like_splits", len(ignored), names=listed(ignored))] if ignored else []
    return replace(found, notes=said)


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
    ids = [id_of(root, path) for path in paths]
    groups = ids if options.group == "" else patient_groups(paths, ids)
    table = pd.DataFrame({"id": ids, "label": labels, "group": groups, "split": splits})
    table["split"] = map_splits(table["split"], options.split_map)
    return Source(table, paths)


def _folders(root: Path, paths: list[Path]) -> Parts:
    return [tuple(id_of(root, path).split("/")[:-1]) for path in paths]


def _places(folders: Parts, split_map: Mapping[str, str]) -> list[Place | None]:
    """Return the place of each image, None where it lies beside the folders of splits."""

    def part(name: str) -> str | None:
        return split_map.get(name) or split_of(name)

    while _are_wrapped(folders) and not part(_top(folders)):
        folders = [parts[1:] for parts in folders]
    outer = {parts[0] for parts in folders if parts and part(parts[0]) not in (None, "unlabelled")}
    deep = any(len(parts) > 1 for parts in folders if parts and parts[0] in outer)
    alone = all(part(parts[0]) for parts in folders if parts)
    if outer and (deep or alone):
        return [_in_split(parts) if parts and part(parts[0]) else None for parts in folders]
    inner = [parts for parts in folders if parts and not part(parts[0])]
    if inner and all(len(parts) > 1 and part(parts[1]) for parts in inner):
        return [
            Place(parts[0], parts[1]) if parts and not part(parts[0]) else Place(None)
            for parts in folders
        ]
    return [
        Place(None, ignored=parts[0])
        if parts and parts[0] in outer
        else Place(parts[0] if parts and not part(parts[0]) else None)
        for parts in folders
    ]


def _in_split(parts: tuple[str, ...]) -> Place:
    """Return the place of an image in a folder of a split, which may hold one of its own name."""
    split, *rest = parts
    while rest and split_of(rest[0]) == split_of(split) is not None:
        rest = rest[1:]
    return Place(rest[0] if rest and split_of(rest[0]) is None else None, split)


def _top(folders: Parts) -> str:
    return next(parts[0] for parts in folders if parts)


def _are_wrapped(folders: Parts) -> bool:
    """Return whether all images but loose ones lie in sub-folders of one folder."""
    deep = [parts for parts in folders if parts]
    return len({parts[0] for parts in deep}) == 1 and all(len(parts) > 1 for parts in deep)


SOURCE = SourceKind("a folder with one sub-folder per class", detect, read)
