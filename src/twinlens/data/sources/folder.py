"""A folder of images: one sub-folder a class, or no labels at all.

The class is the sub-folder's name, at whatever depth below it an image lies. Where the outer
sub-folders are named after splits (``train/nevus/1.jpg``), they are the splits, and the class
is the next level. What lies in a folder ``unlabelled``, or in no class's folder, has no label.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twinlens.data.locate import SUFFIXES, image_files
from twinlens.data.source import Options, Source
from twinlens.data.table import SPLITS, map_splits
from twinlens.errors import UserError


def recognises(source: str) -> bool:
    """Tell whether the images of this folder lie in two sub-folders or more."""
    root = Path(source)
    first = {path.relative_to(root).parts[0] for path in image_files(root)}
    return sum((root / name).is_dir() for name in first) > 1


def read(source: str, options: Options) -> Source:
    """Read a folder with one sub-folder a class."""
    paths = image_files(Path(source))
    folders = [path.relative_to(source).parent.parts for path in paths]
    splits: list[str | None] = [None] * len(paths)
    if _are_splits({parts[0] for parts in folders if parts}, options):
        splits = [parts[0] if parts else None for parts in folders]
        folders = [parts[1:] for parts in folders]
    labels = [parts[0] if parts and parts[0] != "unlabelled" else None for parts in folders]
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
    table = pd.DataFrame({"id": ids, "label": labels, "group": ids, "split": splits})
    table["split"] = map_splits(table["split"], options.split_map)
    return Source(table, paths)


def _are_splits(names: set[str], options: Options) -> bool:
    """Tell folders of splits from folders of classes, beside which ``unlabelled`` may lie."""
    return names <= {*SPLITS, *options.split_map} and bool(names - {"unlabelled"})
