"""A folder of DICOM files, labelled by a tag, by its sub-folders, or by a table in the folder.

A file is DICOM if it has the letters DICM at byte 128, whatever its suffix; hidden files and
DICOMDIR are left out. What holds no image, or several frames, is listed as skipped.

Without a table, ``--label``, ``--group`` and ``--split`` name tags, by keyword (SeriesDescription)
or number ((0008,103e)). Without ``--label``, the sub-folders are the classes, unless each of them
is one patient, study or series. With a table the options name its columns; ``--image`` is then the
column of files or SOPInstanceUIDs. The group is the PatientID where nothing else is named, and
an empty ``--group`` means that each image is its own.

Who a patient is does not enter the data set. A group is a pseudonym, made from the id alone: it
is not anonymous, for whoever knows an id can find its images. Of the header only label, split,
age (years), sex, site (BodyPartExamined) and modality are kept; identifying tags are refused as
label or split; other columns of a table are left out. What the files' paths tell, which become the
ids, or writing in the pixels, is not removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd

from twinlens.console import progress, say
from twinlens.data.table import map_splits
from twinlens.errors import UserError
from twinlens.importing.decode import ImageError
from twinlens.importing.formats.dicom_header import (
    ATTRIBUTES,
    find_tag,
    pseudonym,
    read_header,
    refuse_identifying,
)
from twinlens.importing.listing import DICOM_SUFFIXES, SUFFIXES, holds_dicom
from twinlens.importing.named_images import ROLES, first_rows, locate
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.sources import csv, folder

_FIRST_LOOK = 48  # files
_SHOWN = 5  # names in a message
_COLUMNS = ["id", *ROLES]
_UNITS = {"patient": "PatientID", "study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
"""What a sub-folder may hold one of, and the tag that tells."""


def detect(source: str) -> bool:
    """Return whether the first images of a folder, or of a table's folder, are all DICOM."""
    path = Path(source)
    files = list(islice(_files(path.parent if csv.is_table(path) else path), _FIRST_LOOK))
    others = [file for file in files if not holds_dicom(file)]
    return len(others) < len(files) and not any(file.suffix.lower() in SUFFIXES for file in others)


def read(source: str, options: Options) -> Source:
    """Read the headers of the DICOM files in a folder, and the table that labels them, if any.

    Raises:
        UserError: There are no DICOM files, a tag is unknown, identifying or in no file, or
            something in the table is wrong.
    """
    path = Path(source)
    root = options.root or (path.parent if csv.is_table(path) else path)
    files = sorted(
        file for file in _files(root) if file.suffix.lower() in DICOM_SUFFIXES or holds_dicom(file)
    )
    if not files:
        raise UserError(f"{root} is not a folder with DICOM files.")
    table = path if csv.is_table(path) else csv.find_table(path)
    return _listed(table, root, files, options) if table else _tagged(root, files, options)


def _tagged(root: Path, files: Sequence[Path], options: Options) -> Source:
    """Read images whose label, group and split stand in tags, or label and split in folders."""
    if options.image:
        raise UserError(f"--image names a column of a table, but {root} holds none.")
    asked = {role: getattr(options, role) for role in ROLES}
    named = {role: name for role, name in asked.items() if name}
    tags = {role: find_tag(role, name) for role, name in named.items()}
    found, skipped = _headers(root, files, {**_UNITS, **tags})
    for role, name in named.items():
        if len(found) and found[role].isna().all():
            raise UserError(f"No file in {root} has the tag '{name}' (--{role}): name another.")
    if options.group is None:
        found["group"] = found["patient"]
    if options.label is None:
        found = _by_folder(root, found, options)
    table = found.reindex(columns=[*_COLUMNS, *ATTRIBUTES])
    table["split"] = map_splits(table["split"], options.split_map)
    return _source(root, table, skipped)


def _by_folder(root: Path, found: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Take the sub-folders as classes and splits, unless they are patients, studies or series."""
    classes = folder.read(str(root), options).table.set_index("id").reindex(found["id"])
    labels = classes["label"].set_axis(found.index)
    if labels.nunique() < 2:
        return found
    names = ", ".join(sorted(labels.dropna().unique())[:_SHOWN])
    if unit := next((unit for unit in _UNITS if _are_same(labels, found[unit])), None):
        say(f"Each sub-folder ({names}) is one {unit}, so they are NOT taken as classes.")
        return found
    say(f'The sub-folders ({names}) are taken as classes (other: --label TAG; none: --label "").')
    splits = {} if "split" in found else {"split": classes["split"].set_axis(found.index)}
    return found.assign(label=labels, **splits)


def _are_same(folders: pd.Series, units: pd.Series) -> bool:
    """Return whether each folder holds one unit alone, and each unit lies in one folder."""
    pairs = pd.DataFrame({"folder": folders, "unit": units})
    if pairs.isna().any(axis=None):
        return False
    distinct = pairs.drop_duplicates()
    return distinct["folder"].is_unique and distinct["unit"].is_unique


def _listed(path: Path, root: Path, files: Sequence[Path], options: Options) -> Source:
    """Read images that a table names."""
    for role in ("label", "split"):
        refuse_identifying(role, getattr(options, role) or "")
    listed = csv.read_rows(path, options)
    left_out = ", ".join(listed.columns[len(_COLUMNS) :])
    if left_out:
        say(f"Columns of {path.name} that are left out, in case they identify: {left_out}.")
    found, broken = _headers(root, files, {"patient": "PatientID", "uid": "SOPInstanceUID"})
    by_uid = dict(zip(found["uid"], found["id"], strict=True))
    places = locate(root, [by_uid.get(name, name) for name in listed["id"]], files)
    known = {file.resolve(): _id(root, file) for file in files}
    ids = [known.get(place.resolve()) if isinstance(place, Path) else None for place in places]
    reasons = dict(broken)
    first = first_rows(path, listed, ids)
    skipped = [
        (
            str(id or name or f"{path.name}, line {line}"),
            place if isinstance(place, str) else reasons.get(id or "", "not a DICOM file here"),
        )
        for line, name, place, id in zip(listed.index, listed["id"], places, ids, strict=True)
        if id is None or (id in reasons and first[line])
    ]
    table = listed[_COLUMNS].assign(id=pd.Series(ids, listed.index))[first].merge(found, on="id")
    if options.group != "":
        table["group"] = table["group"].fillna(table["patient"])
    return replace(_source(root, table[[*_COLUMNS, *ATTRIBUTES]], skipped), used=[path])


def _source(root: Path, table: pd.DataFrame, skipped: Sequence[tuple[str, str]]) -> Source:
    empty = [name for name in ATTRIBUTES if table[name].isna().all()]
    groups = table["group"].map(pseudonym, na_action="ignore")
    return Source(
        table.drop(columns=empty).assign(group=groups),
        items=[root / name for name in table["id"]],
        skipped=skipped,
    )


def _headers(
    root: Path, files: Sequence[Path], tags: Mapping[str, int | str]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return one row of values per file, and the files that cannot be used, with the reason."""
    rows, skipped = [], []
    with progress("Reading headers", len(files)) as show:
        for number, file in enumerate(files, 1):
            name = _id(root, file)
            try:
                rows.append({"id": name, **read_header(file, tags)})
            except ImageError as error:
                skipped.append((name, str(error)))
            show(number, "files")
    return pd.DataFrame(rows, columns=["id", *tags, *ATTRIBUTES]), skipped


def _id(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may be images, in no order."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.name != "DICOMDIR" and path.is_file():
            yield path


SOURCE = SourceKind(
    "a folder of DICOM files, labelled by a tag, by sub-folders, or by a table in the folder",
    detect,
    read,
    has_columns=True,
)
