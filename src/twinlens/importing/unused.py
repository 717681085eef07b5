"""What an import found and did not use: formats that cannot be read, tables, masks, and the rest.

Whatever lies below the folder of a source and became no image is named, with what would use it.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from twinlens.importing.listing import Listing, id_of, list_files
from twinlens.importing.notes import listed, note
from twinlens.importing.source import Source
from twinlens.records.dataset import ImportNote

UNREADABLE = {
    ".heic", ".heif", ".jxl", ".svg", ".psd", ".eps", ".dng", ".cr2", ".cr3", ".nef", ".arw",
    ".orf", ".svs", ".ndpi", ".mrxs", ".scn", ".nii", ".mha", ".mhd", ".nrrd",
}  # fmt: skip
"""Formats of images, slides and volumes that are not read."""

TABLES = {
    ".csv", ".tsv", ".tab", ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".parquet", ".feather",
}  # fmt: skip


def with_unused(source: Source, path: str) -> Source:
    """Return a source with notes on what lies beside its images, and was not used.

    Images in formats that cannot be read are listed as skipped, too.

    Args:
        source: What was read; if its images are no files, it is returned as it is.
        path: The folder that it was read from, or a file in it.
    """
    if not source.items or not isinstance(source.items[0], Path):
        return source
    root = Path(path) if Path(path).is_dir() else Path(path).parent
    known = {_plain(file) for file in (*source.items, *source.used, Path(path))}
    named = {file for file, _ in source.skipped}

    def unknown(files: Iterable[Path]) -> list[Path]:
        free = (file for file in files if _plain(file) not in known)
        return [file for file in free if id_of(root, file) not in named]

    found = list_files(root)
    rest = replace(
        found,
        images=unknown(found.images),
        masks=unknown(found.masks),
        others=unknown(found.others),
    )
    unreadable = [file for file in rest.others if file.suffix.lower() in UNREADABLE]
    reasons = [
        (id_of(root, file), f"{file.suffix.lower()} files cannot be read: convert it to PNG")
        for file in unreadable
    ]
    lost = {file.parent for file in unreadable}.difference(file.parent for file in source.items)
    names = [id_of(root, folder) for folder in sorted(lost)]
    notes = unused_notes(root, rest, lost=names, by_table=bool(source.used))
    return replace(
        source,
        skipped=[*source.skipped, *reasons],
        notes=[*source.notes, *notes],
    )


def unused_notes(
    root: Path, unused: Listing, *, lost: Sequence[str] = (), by_table: bool = False
) -> Iterator[ImportNote]:
    """Yield a note on each kind of files that were not used, what matters most first.

    Args:
        root: The folder that was read.
        unused: What lies below it, less what was used.
        lost: Folders of images none of which can be read.
        by_table: Whether a table named the images that were used.
    """
    suffixes = [(file, file.suffix.lower()) for file in unused.others]
    unreadable = [file for file, suffix in suffixes if suffix in UNREADABLE]
    tables = [id_of(root, file) for file, suffix in suffixes if suffix in TABLES]
    rest = [file for file, suffix in suffixes if suffix not in UNREADABLE | TABLES]
    beside = [] if by_table else unused.images
    unnamed = unused.images if by_table else []

    def some(name: str, files: Sequence[Path]) -> Iterator[ImportNote]:
        if files:
            example, kinds = id_of(root, files[0]), _counted(file.suffix.lower() for file in files)
            yield note(name, len(files), example=example, kinds=kinds)

    def named(name: str, names: Sequence[str], what: str = "") -> Iterator[ImportNote]:
        if names:
            yield note(name, len(names), names=what or listed(names))

    tops = [id_of(root, image).rpartition("/")[0].partition("/")[0] for image in beside]
    yield from named("closed", unused.closed)
    yield from some("unreadable", unreadable)
    yield from named("lost", lost)
    yield from named("table", tables)
    yield from some("unnamed", unnamed)
    yield from named("beside", tops, _counted(top or "loose" for top in tops))
    yield from some("mask", unused.masks)
    yield from some("file", rest)
    yield from named("hidden", unused.hidden)


def _plain(path: Path) -> str:
    """Return the absolute path, without ``..`` but with its links."""
    return os.path.normpath(path.absolute())


def _counted(names: Iterable[str]) -> str:
    counts = Counter(name or "no suffix" for name in names)
    return listed(f"{name} {count:,}" for name, count in counts.most_common())
