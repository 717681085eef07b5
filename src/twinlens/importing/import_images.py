"""`twinlens import`: read and decode images once, into a data set."""

from contextlib import ExitStack
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
from twinlens.importing.archive import refuse_outside
from twinlens.importing.archive import unpacked as unpacked_archive
from twinlens.importing.class_info import with_classes
from twinlens.importing.decode import MIN_SIDE
from twinlens.importing.grey_levels import with_grey_levels
from twinlens.importing.listing import as_text, image_files, is_image
from twinlens.importing.merge import class_names, join, source_names
from twinlens.importing.pack import fingerprint, left_out, refuse_none, unpacked, write_pack
from twinlens.importing.source import Options, Source
from twinlens.importing.sources import SOURCES
from twinlens.importing.suspicious import suspicions
from twinlens.importing.unused import with_unused
from twinlens.records.dataset import DatasetDescription, SourceRecord
from twinlens.records.split import ImportedSplit
from twinlens.requests.base import accepts
from twinlens.requests.import_images import ImportRequest

DEFAULT_SIZE = 256
_MAX_LISTED = 20  # more classes than these are not listed


@accepts(ImportRequest)
def import_images(request: ImportRequest) -> Dataset:
    """Import images into a new data set, or add them to one.

    Broken images are listed in ``skipped.csv`` with the reason, and left out. A source that `out`
    holds already is recognised by its content and not decoded again.

    Raises:
        UserError: The source cannot be read, holds no usable image, or does not fit `out`.
    """
    if request.add and request.overwrite:
        raise UserError("--add keeps what --out holds and --overwrite replaces it: choose one.")
    out = Path(request.out)
    existing = open_dataset(out) if request.add else None
    options = _options(request, existing)
    with ExitStack() as stack:
        places = [stack.enter_context(unpacked_archive(path)) for path in request.paths]
        source, records = _read(request, places, options, existing)
        if request.classes is not None:
            source = with_classes(source, request.classes)
        if existing is not None:
            dataset = append(existing, source, records, request)
        elif not request.overwrite and _is_imported(out, source, options.size, request.workers):
            say(f"{out} holds exactly these images already: nothing to do.")
            return open_dataset(out)
        else:
            dataset = _build(source, records, options, request)
    _summarise(dataset)
    return dataset


def detect_kind(source: str, name: str = "") -> str:
    """Return the kind of a source by its content, and print it.

    Args:
        source: The source.
        name: What the user calls it; by default the same.

    Raises:
        UserError: It has no known layout.
    """
    root = Path(source)
    kind = next((kind for kind, known in SOURCES.items() if known.detect(source)), None)
    if kind is None and root.is_file() and is_image(root):
        raise UserError(f"{source} is a single image: pass the folder that it lies in.")
    if kind is None and root.exists():
        raise UserError(f"{source} holds no images in a known layout ({', '.join(SOURCES)}).")
    if kind is None:
        raise UserError(
            f"{source} does not exist: pass a folder, a table, a ZIP archive, or 'phantom'."
        )
    name = name or source
    say(f"{name} is read as '{kind}': {SOURCES[kind].title} (choose another with --kind).")
    if kind == "unlabelled" and any(path.parent != root for path in image_files(root)):
        say(f"Sub-folders of {name} are NOT taken as classes: if they are, pass --kind folder.")
    return kind


def _options(request: ImportRequest, existing: Dataset | None) -> Options:
    size = request.size
    if existing is not None and size not in (None, existing.size):
        raise UserError(
            f"{existing.path} holds images of {existing.size} pixels: drop --size {size}, or "
            "import into another folder."
        )
    if size is None:
        size = DEFAULT_SIZE if existing is None else existing.size
    if size < MIN_SIDE:
        raise UserError(f"--size {size} is too small: images need at least {MIN_SIDE} pixels.")
    return Options(
        image=request.image,
        label=request.label,
        group=request.group,
        split=request.split,
        split_map=request.split_map,
        root=None if request.root is None else Path(request.root),
        table_only=request.table_only or (existing is not None and existing.table_only),
        size=size,
    )


def _read(
    request: ImportRequest, places: list[str], options: Options, existing: Dataset | None
) -> tuple[Source, list[SourceRecord]]:
    """Read all sources as one; `places` are where they lie, archives unpacked."""
    paths, kind = request.paths, request.kind
    if not paths:
        raise UserError(
            "There is nothing to import: pass a folder, a table, a ZIP archive, or 'phantom'."
        )
    if kind not in ("auto", *SOURCES):
        raise unknown("kind of source", kind, ["auto", *SOURCES])
    names = [
        detect_kind(place, path) if kind == "auto" else kind
        for place, path in zip(places, paths, strict=True)
    ]
    kinds = [SOURCES[name] for name in names]
    columns = (options.image, options.label, options.group, options.split)
    if any((*columns, options.root)) and not any(kind.has_columns for kind in kinds):
        raise UserError(
            f"{paths[0]} is read as '{names[0]}', so it has no columns to name, and no files to "
            "look for below --root: drop these options."
        )
    if options.root and not options.root.is_dir():
        raise UserError(f"{options.root} (--root) is not a folder.")
    sources = [kind.read(place, options) for place, kind in zip(places, kinds, strict=True)]
    for source, place, path in zip(sources, places, paths, strict=True):
        if place != path:  # an archive, which has no business with files outside of it
            refuse_outside(source.items, Path(place), path)
    if options.table_only:
        sources = [replace(source, items=()) for source in sources]
    if request.licence:
        sources = [replace(source, licence=request.licence) for source in sources]
    sources = [
        with_grey_levels(with_unused(source, place), request.workers)
        for source, place in zip(sources, places, strict=True)
    ]
    taken = [source.name for source in existing.record.sources] if existing else []
    unique = list(map(as_text, source_names(paths, taken)))
    records = [
        SourceRecord(name=name, kind=kind, path=as_text(path))
        for name, kind, path in zip(unique, names, paths, strict=True)
    ]
    if len(sources) == 1 and existing is None:
        return sources[0], records
    return join(dict(zip(unique, sources, strict=True))), records


def _is_imported(out: Path, source: Source, size: int, workers: int | None) -> bool:
    if not (out / MARKER).is_file():
        return False
    return open_dataset(out).record.fingerprint == fingerprint(source, size, workers)


def _build(
    source: Source, records: list[SourceRecord], options: Options, request: ImportRequest
) -> Dataset:
    out = Path(request.out)
    with files.atomic_folder(out, marker=MARKER, overwrite=request.overwrite) as work:
        if options.table_only:
            packed = unpacked(source, options.size)
        else:
            packed = write_pack(work / PACK, source, options.size, request.workers)
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
            licence=source.licence,
            sources=records,
            fingerprint=packed.fingerprint,
            notes=[*source.notes, *suspicions(table, source.class_info)],
        )
        write_dataset(work, table, skipped, packed.pixels, description)
        _keep_splits(work, rows["split"], rows["label"])
    return open_dataset(out)


def _keep_splits(folder: Path, names: pd.Series, labels: pd.Series) -> None:
    """Make the splits that the source names one of the data set's."""
    all_unlabelled = names.isna().all() or names.eq("unlabelled").all()
    if labels.isna().all() and all_unlabelled:  # no other split can be made
        write_split(folder, "imported", ["unlabelled"] * len(names), ImportedSplit())
        say("No image has a label: in the split 'imported' all are unlabelled.")
        return
    moved = labels.isna() & (names == "train")
    dropped = labels.isna() & names.isin(["val", "test"])
    if moved.any():
        say(f"Images of train without a label, which become unlabelled: {moved.sum():,}.")
    if dropped.any():
        say(f"Images of val or test without a label, which no split has: {dropped.sum():,}.")
    names = names.mask(moved, "unlabelled").mask(dropped)
    if names.isna().all() or (labels.notna().any() and names[labels.notna()].isna().all()):
        return  # a split of the unlabelled images alone would hide the labelled ones
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
    if 0 < len(dataset.classes) <= _MAX_LISTED:
        counts = np.bincount(dataset.labels[dataset.labels >= 0], minlength=len(dataset.classes))
        listed = zip(dataset.classes, counts, strict=True)
        say("Classes: " + ", ".join(f"{name} {count:,}" for name, count in listed) + ".")
    for title, unused in (("Found and NOT used:", True), ("Please check:", False)):
        notes = [note for note in dataset.record.notes if note.unused == unused]
        for text in [title, *(f"  {note.text}" for note in notes)] if notes else []:
            say(text)
