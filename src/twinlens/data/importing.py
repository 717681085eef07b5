"""Importing: read once, decode once, and from then on work on the data set that results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from twinlens import files
from twinlens.console import say
from twinlens.data.dataset import MARKER, PACK, SKIPPED, TABLE, Dataset, open_dataset
from twinlens.data.decode import MIN_SIDE
from twinlens.data.pack import Packed, fingerprint, write_pack
from twinlens.data.source import Options, Source
from twinlens.data.sources import SOURCES
from twinlens.data.splits import write_split
from twinlens.data.table import arrange, table_digest
from twinlens.errors import UserError, unknown


def import_images(
    source: Path | str,
    out: Path | str,
    *,
    kind: str = "auto",
    image: str | None = None,
    label: str | None = None,
    group: str | None = None,
    split: str | None = None,
    split_map: Mapping[str, str] | None = None,
    size: int = 256,
    workers: int | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Import images into a new data set.

    Broken images are listed in ``skipped.csv`` with the reason, and left out. A source that is
    in `out` already is recognised by its content and not decoded again.

    Args:
        source: A folder, a CSV file, or ``phantom`` (``phantom:2000`` for a number of images).
        out: Folder of the new data set.
        kind: One of `SOURCES`, or ``auto``.
        image: CSV column with the image's file or id. A column left out means the one of that
            name (``image``, ``label``, ``group``, ``split``), where there is one.
        label: CSV column with the class; blank means unlabelled.
        group: CSV column with the lesion or patient; blank means the image alone.
        split: CSV column with the split; becomes the split named ``imported``.
        split_map: From the source's split names to ours, such as ``{"pool": "unlabelled"}``.
        size: Side of the square images in pixels.
        workers: Threads that decode; None: one a processor.
        overwrite: Replace the data set that `out` holds.

    Raises:
        UserError: The source cannot be read, holds no usable image, or `out` exists already.
    """
    if size < MIN_SIDE:
        raise UserError(f"--size {size} is too small: images need at least {MIN_SIDE} pixels.")
    options = Options(image, label, group, split, split_map or {}, size=size)
    kind = recognise(str(source)) if kind == "auto" else kind
    if kind not in SOURCES:
        raise unknown("kind of source", kind, ["auto", *SOURCES])
    if kind not in ("csv", "dicom", "parquet") and any((image, label, group, split)):
        raise UserError(f"{source} is read as '{kind}', so it has no columns to name: drop them.")
    images = SOURCES[kind].read(str(source), options)
    out = Path(out)
    if not overwrite and _holds(out, images, size, workers):
        say(f"{out} holds exactly these images already: nothing to do.")
        return open_dataset(out)
    with files.building(out, marker=MARKER, overwrite=overwrite) as work:
        packed = write_pack(work / PACK, images, size, workers)
        _write(work, images, packed, size, {"kind": kind, "path": str(source)})
    dataset = open_dataset(out)
    _summarise(dataset)
    return dataset


def recognise(source: str) -> str:
    """Return the kind of a source by what it looks like, and say so.

    Raises:
        UserError: It looks like none.
    """
    kind = next((name for name, kind in SOURCES.items() if kind.recognises(source)), None)
    if kind is None and Path(source).exists():
        raise UserError(f"{source} holds no images in a known layout ({', '.join(SOURCES)}).")
    if kind is None:
        raise UserError(f"{source} does not exist: pass a folder, a CSV file, or 'phantom'.")
    what = (SOURCES[kind].__doc__ or "").partition("\n")[0].rstrip(".")
    say(f"{source} is read as '{kind}': {what} (choose another with --kind).")
    return kind


def _holds(out: Path, source: Source, size: int, workers: int | None) -> bool:
    if not (out / MARKER).is_file():
        return False
    known = open_dataset(out).info["source"]["fingerprint"]
    return bool(known == fingerprint(source, size, workers))


def _write(folder: Path, source: Source, packed: Packed, size: int, origin: dict[str, Any]) -> None:
    names = source.table["id"]
    broken = [(str(names[row]), reason) for row, reason in packed.reasons.items()]
    skipped = pd.DataFrame([*source.skipped, *broken], columns=["file", "reason"])
    if not packed.kept:
        first = f"{skipped['file'][0]}: {skipped['reason'][0]}"
        raise UserError(
            f"None of the {len(skipped)} images could be imported; the first is {first}."
        )
    rows = source.table.iloc[packed.kept]
    table = arrange(rows.drop(columns="split"))
    classes = list(source.classes or sorted(table["label"].dropna().unique()))
    table.to_parquet(folder / TABLE, index=False)
    skipped.to_csv(folder / SKIPPED, index=False)
    info = {
        "hash": files.digest([packed.pixels, table_digest(table), classes, size]),
        "size": size,
        "images": len(table),
        "skipped": len(skipped),
        "classes": classes,
        "class_info": dict(source.class_info),
        "notice": source.notice,
        "source": {**origin, "fingerprint": packed.fingerprint},
    }
    files.write_json(folder / MARKER, info)
    if rows["split"].notna().any():
        splits = [None if pd.isna(name) else str(name) for name in rows["split"]]
        write_split(folder, "imported", splits, {"how": "as the source says"})


def _summarise(dataset: Dataset) -> None:
    skipped = dataset.info["skipped"]
    say(
        f"{dataset.path}: {len(dataset.table):,} images of {dataset.size} pixels, "
        f"{len(dataset.classes)} classes, {int((dataset.labels < 0).sum()):,} unlabelled, "
        f"{skipped:,} skipped" + (f" (see {dataset.path / SKIPPED})." if skipped else ".")
    )
