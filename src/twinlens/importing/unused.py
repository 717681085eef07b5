"""What an import found and did not use: formats that cannot be read, tables, masks, and the rest.

Whatever lies below the folder of a source and became no image is named, with what would use it.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from twinlens.importing.listing import Listing, id_of, list_files
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

_SHOWN = 5


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
    tables = [file for file, suffix in suffixes if suffix in TABLES]
    rest = [file for file, suffix in suffixes if suffix not in UNREADABLE | TABLES]
    if unused.closed:
        yield _note(
            "closed", unused.closed, f"Folders that cannot be opened: {_some(unused.closed)}."
        )
    if unreadable:
        kinds = (
            f"{len(unreadable):,} ({_suffixes(unreadable)}), such as {id_of(root, unreadable[0])}"
        )
        text = f"Images in formats that cannot be read: {kinds}. {_CONVERT}"
        yield _note("unreadable", unreadable, text)
    if lost:
        yield _note("unreadable", lost, f"Folders of which no image could be read: {_some(lost)}.")
    if tables:
        names = _some(id_of(root, file) for file in tables)
        yield _note("table", tables, f"Tables that were not read: {names}. {_TABLE}")
    if unused.images and by_table:
        yield _note(
            "image",
            unused.images,
            f"Images that the table does not name: "
            f"{len(unused.images):,}, such as {id_of(root, unused.images[0])}.",
        )
    elif unused.images:
        text = f"Images beside what was read: {_folders(root, unused.images)}. {_BESIDE}"
        yield _note("image", unused.images, text)
    if unused.masks:
        example = f"{len(unused.masks):,}, such as {id_of(root, unused.masks[0])}"
        yield _note("mask", unused.masks, f"Masks, as their names say: {example}. {_MASKS}")
    if rest:
        kinds = f"{len(rest):,} ({_suffixes(rest)}), such as {id_of(root, rest[0])}"
        yield _note("file", rest, f"Other files: {kinds}.")
    if unused.hidden:
        names = _some(unused.hidden)
        yield _note("hidden", unused.hidden, f"Hidden folders and those of systems: {names}.")


_CONVERT = "Convert them to PNG or JPEG."
_TABLE = (
    "To take labels from one, pass it as SOURCE, with --image and --label for its columns and "
    "--root for the folder of the images; save another format than CSV, Excel or Parquet as CSV."
)
_BESIDE = "To use such a folder, pass it as another SOURCE, or name it 'unlabelled'."
_MASKS = "To use them as images, move them to a folder of their own and rename them."


def _plain(path: Path) -> str:
    """Return the absolute path, without ``..`` but with its links."""
    return os.path.normpath(path.absolute())


def _note(kind: str, files: Sequence[object], text: str) -> ImportNote:
    return ImportNote.model_validate({"kind": kind, "count": len(files), "text": text})


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _suffixes(files: Sequence[Path]) -> str:
    counts = Counter(file.suffix.lower() or "no suffix" for file in files)
    return _some(f"{suffix} {count:,}" for suffix, count in counts.most_common())


def _folders(root: Path, images: Sequence[Path]) -> str:
    tops = Counter(id_of(root, image).rpartition("/")[0].partition("/")[0] for image in images)
    return _some(f"{top or 'loose'} {count:,}" for top, count in tops.most_common())
