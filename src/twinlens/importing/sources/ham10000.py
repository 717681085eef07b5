"""HAM10000: dermatoscopic images of seven diagnoses, with their table of metadata.

A folder with ``HAM10000_metadata``, also ``.csv`` or ``.tab``, and the images in folders of any
name below it.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from twinlens.errors import UserError, unknown
from twinlens.importing.formats.classes import HAM10000_CLASSES
from twinlens.importing.formats.isic_challenge import find_table, read_columns
from twinlens.importing.listing import image_files
from twinlens.importing.named_images import with_images
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.table_file import typed

LICENCE = "CC BY-NC 4.0"
NAMES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")


def detect(source: str) -> bool:
    """Return whether this is a folder with HAM10000's metadata."""
    return find_table(source, *NAMES) is not None


def read(source: str, options: Options) -> Source:
    """Read HAM10000; a group is a lesion, ages are in years.

    Raises:
        UserError: The folder has no such metadata, or they have an error.
    """
    path = find_table(source, *NAMES)
    if path is None:
        raise UserError(f"{source} is not a folder with {', '.join(NAMES[:-1])} or {NAMES[-1]}.")
    # Some copies have each folder twice, in capitals and in small letters.
    files = {str(file).lower(): file for file in image_files(Path(source))}
    images = with_images(path, _table(path), list(files.values()), options)
    return replace(
        images,
        classes=list(HAM10000_CLASSES),
        class_info=HAM10000_CLASSES,
        licence=LICENCE,
    )


def _table(path: Path) -> pd.DataFrame:
    cells = read_columns(
        path, "image_id", "dx", "lesion_id", "dx_type", "age", "sex", "localization"
    )
    parts = {
        "id": cells["image_id"],
        "label": _labels(path, cells["dx"]),
        "group": cells["lesion_id"],
        "split": pd.Series(None, index=cells.index, dtype=object),
        "age": typed(cells["age"]),
        "sex": _known(cells["sex"]),
        "site": _known(cells["localization"]),
        "dx_type": cells["dx_type"],
    }
    if "dataset" in cells:
        parts["dataset"] = cells["dataset"]
    return pd.DataFrame(parts)


def _labels(path: Path, diagnoses: pd.Series) -> pd.Series:
    labels = diagnoses.map(str.upper, na_action="ignore")
    strange = diagnoses[labels.notna() & ~labels.isin(list(HAM10000_CLASSES))]
    for line, name in strange.items():
        valid = [known.lower() for known in HAM10000_CLASSES]
        raise unknown(f"diagnosis (dx) in {path}, line {line}:", name, valid)
    return labels


def _known(column: pd.Series) -> pd.Series:
    return column.mask(column == "unknown", None)


SOURCE = SourceKind("HAM10000, with its table of metadata", detect, read)
