"""A folder of DICOM files, labelled by a tag or by a CSV file in the folder.

A file is DICOM if it has the letters DICM at byte 128, whatever its suffix; hidden files and
DICOMDIR are left out. What holds no image, or several frames, is listed as skipped.

Without a CSV, ``--label``, ``--group`` and ``--split`` name tags, by keyword (SeriesDescription)
or number ((0008,103e)); the group is the PatientID unless another tag is named. With a CSV they
name its columns; ``--image`` is then the column of files or SOPInstanceUIDs, and where it names
no group, the group is the PatientID.

Who a patient is does not enter the data set. A group is a pseudonym, made from the id alone: it
is not anonymous, for whoever knows an id can find its images. Of the header only label, split,
age (years), sex, site (BodyPartExamined) and modality are kept; identifying tags are refused as
label or split; other columns of a CSV are left out. What the files' paths tell, which become the
ids, or writing in the pixels, is not removed.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd

from twinlens.console import progress, say
from twinlens.data.table import map_splits
from twinlens.errors import UserError
from twinlens.importing.decode import ImageError
from twinlens.importing.find_images import SUFFIXES as IMAGE_SUFFIXES
from twinlens.importing.find_images import locate
from twinlens.importing.formats.dicom_header import (
    ATTRIBUTES,
    find_tag,
    pseudonym,
    read_header,
    refuse_identifying,
)
from twinlens.importing.formats.dicom_pixels import decode_dicom
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.sources import csv

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Files of these names are listed as skipped if they are not DICOM; others are no images."""

_FIRST_LOOK = 48  # files
_COLUMNS = ["id", "label", "group", "split"]


def detect(source: str) -> bool:
    """Return whether the first images of a folder, or of a CSV file's folder, are all DICOM."""
    path = Path(source)
    files = list(islice(_files(path.parent if _is_table(path) else path), _FIRST_LOOK))
    others = [file for file in files if not _is_dicom(file)]
    return len(others) < len(files) and not any(
        file.suffix.lower() in IMAGE_SUFFIXES for file in others
    )


def read(source: str, options: Options) -> Source:
    """Read the headers of the DICOM files in a folder, and the CSV file that labels them, if any.

    Raises:
        UserError: There are no DICOM files, a tag is unknown, identifying or in no file, or
            something in the CSV is wrong.
    """
    path = Path(source)
    folder = path.parent if _is_table(path) else path
    files = sorted(
        file for file in _files(folder) if file.suffix.lower() in SUFFIXES or _is_dicom(file)
    )
    if not files:
        raise UserError(f"{folder} is not a folder with DICOM files.")
    table = path if _is_table(path) else csv.find_csv(folder)
    return _listed(table, files, options) if table else _tagged(folder, files, options)


def _tagged(folder: Path, files: Sequence[Path], options: Options) -> Source:
    """Read images whose label, group and split stand in tags."""
    if options.image:
        raise UserError(f"--image names a column of a CSV file, but {folder} holds none.")
    asked = {role: getattr(options, role) for role in ("label", "group", "split")}
    named = {role: name for role, name in asked.items() if name}
    tags = {role: find_tag(role, name) for role, name in named.items()}
    found, skipped = _headers(folder, files, {"group": "PatientID", **tags})
    for role, name in named.items():
        if len(found) and found[role].isna().all():
            raise UserError(f"No file in {folder} has the tag '{name}' (--{role}): name another.")
    table = found.reindex(columns=[*_COLUMNS, *ATTRIBUTES])
    table["split"] = map_splits(table["split"], options.split_map)
    return _source(folder, table, skipped)


def _listed(path: Path, files: Sequence[Path], options: Options) -> Source:
    """Read images that a CSV file names."""
    for role in ("label", "split"):
        refuse_identifying(role, getattr(options, role) or "")
    listed = csv.read(str(path), replace(options, table_only=True))
    left_out = ", ".join(listed.table.columns[len(_COLUMNS) :])
    if left_out:
        say(f"Columns of {path.name} that are left out, in case they identify: {left_out}.")
    folder, names = path.parent, listed.table["id"]
    found, broken = _headers(folder, files, {"patient": "PatientID", "uid": "SOPInstanceUID"})
    by_uid = dict(zip(found["uid"], found["id"], strict=True))
    places = locate(folder, names.map(lambda name: by_uid.get(name, name)), files)
    known = {file.resolve(): _id(folder, file) for file in files}
    ids = [known.get(place.resolve(), "") if isinstance(place, Path) else "" for place in places]
    _refuse_repeats(path, ids)
    reasons = dict(broken)
    skipped = [
        (id or name, place if isinstance(place, str) else reasons.get(id, "not a DICOM file here"))
        for name, place, id in zip(names, places, ids, strict=True)
        if not id or id in reasons
    ]
    table = listed.table[_COLUMNS].assign(id=ids).merge(found, on="id")
    table["group"] = table["group"].fillna(table["patient"])
    source = _source(folder, table[[*_COLUMNS, *ATTRIBUTES]], [*listed.skipped, *skipped])
    return replace(source, used=[path])


def _refuse_repeats(path: Path, ids: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(ids).items() if name and count > 1]
    if repeated:
        raise UserError(f"{path} names '{repeated[0]}' in several rows: keep one row per image.")


def _source(folder: Path, table: pd.DataFrame, skipped: Sequence[tuple[str, str]]) -> Source:
    empty = [name for name in ATTRIBUTES if table[name].isna().all()]
    groups = table["group"].map(pseudonym, na_action="ignore")
    return Source(
        table.drop(columns=empty).assign(group=groups),
        items=[folder / name for name in table["id"]],
        decode=decode_dicom,
        skipped=skipped,
    )


def _headers(
    folder: Path, files: Sequence[Path], tags: Mapping[str, int | str]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return one row of values per file, and the files that cannot be used, with the reason."""
    rows, skipped = [], []
    # Odd files are none of the user's doing. It holds for the threads that decode them, too.
    warnings.filterwarnings("ignore", module="pydicom")
    with progress("Reading headers", len(files)) as show:
        for number, file in enumerate(files, 1):
            name = _id(folder, file)
            try:
                rows.append({"id": name, **read_header(file, tags)})
            except ImageError as error:
                skipped.append((name, str(error)))
            show(number, "files")
    return pd.DataFrame(rows, columns=["id", *tags, *ATTRIBUTES]), skipped


def _id(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may be images, in no order."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.name != "DICOMDIR" and path.is_file():
            yield path


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv") and path.is_file()


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


SOURCE = SourceKind(
    "a folder of DICOM files, labelled by a tag or by a CSV file in the folder",
    detect,
    read,
    has_columns=True,
)
