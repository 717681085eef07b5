"""Importing: read once, decode once, and from then on work on the data set that results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from twinlens import files
from twinlens.console import say
from twinlens.data.dataset import MARKER, PACK, SKIPPED, Dataset, open_dataset, write_dataset
from twinlens.data.splits import write_split
from twinlens.data.table import arrange
from twinlens.errors import UserError, unknown
from twinlens.importing.append import append
from twinlens.importing.class_info import Classes, read_classes, with_classes
from twinlens.importing.decode import MIN_SIDE
from twinlens.importing.find_images import SUFFIXES, image_files
from twinlens.importing.merge import class_names, join, source_names
from twinlens.importing.pack import fingerprint, left_out, refuse_none, unpacked, write_pack
from twinlens.importing.source import Options, Source
from twinlens.importing.sources import SOURCES
from twinlens.records.dataset import DatasetDescription, SourceRecord
from twinlens.records.split import ImportedSplit

DEFAULT_SIZE = 256
WITH_COLUMNS = ("csv", "dicom", "parquet")
"""Kinds of source whose columns can be named."""

_SHOWN = 20  # more classes than these are not listed


def import_images(
    source: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    kind: str = "auto",
    image: str | None = None,
    label: str | None = None,
    group: str | None = None,
    split: str | None = None,
    split_map: Mapping[str, str] | None = None,
    classes: Classes | None = None,
    size: int | None = None,
    workers: int | None = None,
    table_only: bool = False,
    add: bool = False,
    overwrite: bool = False,
) -> Dataset:
    """Import images into a new data set, or add them to one.

    Broken images are listed in ``skipped.csv`` with the reason, and left out. A source that is
    in `out` already is recognised by its content and not decoded again.

    Args:
        source: A folder, a file, or ``phantom`` (``phantom:2000`` for a number of images);
            or several of these, which become one data set with a column ``source``.
        out: Folder of the data set.
        kind: One of `SOURCES`, or ``auto``.
        image: Column with the image's file or id. A column left out means the one of that
            name (``image``, ``label``, ``group``, ``split``), where there is one; an empty
            name means none.
        label: Column with the class; blank means unlabelled.
        group: Column with the lesion or patient; blank means the image alone.
        split: Column with the split; becomes the split named ``imported``.
        split_map: From the source's split names to ours, such as ``{"pool": "unlabelled"}``.
        classes: All classes in order, each with its title, colour (``#rrggbb``) and group where
            known: a YAML file or its content, such as ``{"MEL": {"group": "malignant"}}``.
        size: Side of the square images in pixels; None: 256, or that of the data set.
        workers: Threads that decode; None: one a processor.
        table_only: Import the table without images: enough to split and count.
        add: Add new images, and labels where there were none, to the data set in `out`.
        overwrite: Replace the data set that `out` holds.

    Raises:
        UserError: The source cannot be read, holds no usable image, or does not fit `out`.
    """
    if add and overwrite:
        raise UserError("--add keeps what --out holds and --overwrite replaces it: choose one.")
    out = Path(out)
    there = open_dataset(out) if add else None
    size = _size(size, there)
    table_only = table_only or (there is not None and there.table_only)
    options = Options(image, label, group, split, split_map or {}, table_only, size)
    paths = [str(path) for path in ([source] if isinstance(source, Path | str) else source)]
    images, where = _read(paths, kind, options, there)
    if classes is not None:
        images = with_classes(images, classes)
    if there is not None:
        given = read_classes(classes) if classes is not None else {}
        dataset = append(there, images, where, given, table_only=table_only, workers=workers)
    elif not overwrite and _holds(out, images, size, workers):
        say(f"{out} holds exactly these images already: nothing to do.")
        return open_dataset(out)
    else:
        dataset = _build(out, images, where, options, workers, overwrite)
    _summarise(dataset)
    return dataset


def recognise(source: str) -> str:
    """Return the kind of a source by what it looks like, and say so.

    Raises:
        UserError: It looks like none.
    """
    root = Path(source)
    kind = next((name for name, kind in SOURCES.items() if kind.detect(source)), None)
    if kind is None and root.is_file() and root.suffix.lower() in SUFFIXES:
        raise UserError(f"{source} is a single image: pass the folder that it lies in.")
    if kind is None and root.exists():
        raise UserError(f"{source} holds no images in a known layout ({', '.join(SOURCES)}).")
    if kind is None:
        raise UserError(f"{source} does not exist: pass a folder, a CSV file, or 'phantom'.")
    what = (SOURCES[kind].__doc__ or "").partition("\n")[0].rstrip(".")
    say(f"{source} is read as '{kind}': {what} (choose another with --kind).")
    if kind == "unlabelled" and any(path.parent != root for path in image_files(root)):
        say(f"Sub-folders of {source} are NOT taken as classes: if they are, pass --kind folder.")
    return kind


def _size(size: int | None, there: Dataset | None) -> int:
    if there is not None and size not in (None, there.size):
        raise UserError(
            f"{there.path} holds images of {there.size} pixels: drop --size {size}, or import "
            "into another folder."
        )
    if size is None:
        size = DEFAULT_SIZE if there is None else there.size
    if size < MIN_SIDE:
        raise UserError(f"--size {size} is too small: images need at least {MIN_SIDE} pixels.")
    return size


def _read(
    paths: list[str], kind: str, options: Options, there: Dataset | None
) -> tuple[Source, list[SourceRecord]]:
    """Read all sources as one."""
    if not paths:
        raise UserError("There is nothing to import: pass a folder, a file, or 'phantom'.")
    kinds = [recognise(path) if kind == "auto" else kind for path in paths]
    for known in kinds:
        if known not in SOURCES:
            raise unknown("kind of source", known, ["auto", *SOURCES])
    columns = (options.image, options.label, options.group, options.split)
    if any(columns) and not set(kinds) & set(WITH_COLUMNS):
        raise UserError(
            f"{paths[0]} is read as '{kinds[0]}', so it has no columns to name: drop them."
        )
    sources = [SOURCES[known].read(path, options) for path, known in zip(paths, kinds, strict=True)]
    if options.table_only:
        sources = [replace(source, items=()) for source in sources]
    taken = [source.name for source in there.record.sources] if there else []
    names = source_names(paths, taken)
    records = [
        SourceRecord(name=name, kind=kind, path=path)
        for name, kind, path in zip(names, kinds, paths, strict=True)
    ]
    if len(sources) == 1 and there is None:
        return sources[0], records
    return join(dict(zip(names, sources, strict=True))), records


def _holds(out: Path, source: Source, size: int, workers: int | None) -> bool:
    if not (out / MARKER).is_file():
        return False
    return open_dataset(out).record.fingerprint == fingerprint(source, size, workers)


def _build(
    out: Path,
    source: Source,
    where: list[SourceRecord],
    options: Options,
    workers: int | None,
    overwrite: bool,
) -> Dataset:
    with files.atomic_folder(out, marker=MARKER, overwrite=overwrite) as work:
        if options.table_only:
            packed = unpacked(source, options.size)
        else:
            packed = write_pack(work / PACK, source, options.size, workers)
        skipped = left_out(source, packed.reasons)
        if not packed.kept:
            refuse_none(skipped)
        rows = source.table.iloc[packed.kept]
        table = arrange(rows.drop(columns="split"))
        description = DatasetDescription(
            size=options.size,
            classes=class_names(replace(source, table=table)),
            class_info=dict(source.class_info),
            table_only=options.table_only,
            notice=source.notice,
            sources=where,
            fingerprint=packed.fingerprint,
        )
        write_dataset(work, table, skipped, packed.pixels, description)
        _keep_splits(work, rows["split"], rows["label"])
    return open_dataset(out)


def _keep_splits(folder: Path, names: pd.Series, labels: pd.Series) -> None:
    """Make the splits that the source names one of the data set's."""
    bare = labels.isna()
    idle, lost = bare & (names == "train"), bare & names.isin(["val", "test"])
    if idle.any():
        say(f"Images of train without a label, which become unlabelled: {idle.sum():,}.")
    if lost.any():
        say(f"Images of val or test without a label, which no split has: {lost.sum():,}.")
    names = names.mask(idle, "unlabelled").mask(lost)
    if names.isna().all():
        return
    assigned = [None if pd.isna(name) else str(name) for name in names]
    made = write_split(folder, "imported", assigned, ImportedSplit())
    counts = ", ".join(f"{name} {len(rows):,}" for name, rows in made.rows.items())
    say(f"The splits that the source names are kept as the split 'imported': {counts}.")


def _summarise(dataset: Dataset) -> None:
    skipped = dataset.record.skipped
    images = "rows without images, for" if dataset.table_only else "images of"
    say(
        f"{dataset.path}: {len(dataset.table):,} {images} {dataset.size} pixels, "
        f"{len(dataset.classes)} classes, {int((dataset.labels < 0).sum()):,} unlabelled, "
        f"{skipped:,} skipped" + (f" (see {dataset.path / SKIPPED})." if skipped else ".")
    )
    if 0 < len(dataset.classes) <= _SHOWN:
        counts = np.bincount(dataset.labels[dataset.labels >= 0], minlength=len(dataset.classes))
        each = zip(dataset.classes, counts, strict=True)
        say("Classes: " + ", ".join(f"{name} {count:,}" for name, count in each) + ".")
