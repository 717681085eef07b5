"""Adding new images to a data set, and labels to its images that had none.

An old image keeps its row, its pixels, its label and its group, so that every split stays valid.
The new data set is built whole before it replaces the old one.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twinlens import files
from twinlens.console import say
from twinlens.data.dataset import (
    ADDRESS,
    MARKER,
    PACK,
    SKIPPED,
    TABLE,
    Dataset,
    open_dataset,
    write_dataset,
)
from twinlens.data.groups import LINKS
from twinlens.data.remote_pack import RemotePack
from twinlens.data.splits import FOLDER
from twinlens.data.table import arrange
from twinlens.errors import UserError
from twinlens.importing.class_info import read_classes, updated
from twinlens.importing.merge import (
    concatenate,
    given_groups,
    merge_class_info,
    merge_classes,
    merge_licences,
    merge_notices,
    with_source_name,
)
from twinlens.importing.pack import decoded, left_out, refuse_none, unpacked, write_pack
from twinlens.importing.source import Source
from twinlens.importing.suspicious import suspicions
from twinlens.records.dataset import ClassInfo, DatasetDescription, SourceRecord
from twinlens.requests.import_images import ImportRequest
from twinlens.spreadsheets import unescaped
from twinlens.types import Rows


def append(
    data: Dataset, new: Source, sources: Sequence[SourceRecord], request: ImportRequest
) -> Dataset:
    """Add images to a data set, and labels to images that have none.

    Args:
        data: The data set.
        new: The images, with the column ``source``. Those that the data set holds already are
            recognised by their ids.
        sources: Where they came from.
        request: The import; its descriptions of classes replace those that are stored. With
            `table_only` images are not read, and only ids are compared.

    Raises:
        UserError: An image that is there has another label, group or pixels, or a new one cannot
            be had. The data set is as it was.
    """
    if not data.table_only and isinstance(data.images, RemotePack):
        raise UserError(
            f"The images of {data.path} lie at {data.images.url}: to add to them, put that file "
            f"into the folder as {PACK} again, and delete {ADDRESS}."
        )
    table_only = request.table_only or data.table_only
    given = {} if request.classes is None else read_classes(request.classes)
    known = new.table["id"].isin(data.table["id"]).to_numpy()
    added, repeated = _select(new, ~known), replace(_select(new, known), skipped=())
    rows = pd.Index(data.table["id"]).get_indexer(repeated.table["id"])
    _refuse_other_values(data, rows, "label", repeated.table["label"])
    _refuse_other_values(data, rows, "group", given_groups(new.table)[known])
    if table_only and len(added.table) and not data.table_only:
        raise UserError(
            f"{data.path} lacks {len(added.table):,} of these images, such as "
            f"'{added.table['id'][0]}': import them without --table-only."
        )
    description = _description(data, new, sources, given)
    broken = {} if table_only else _refuse_other_pixels(data, rows, repeated, request.workers)
    labels = _new_labels(data, repeated.table.drop(index=list(broken)))
    if not len(added.table) and not len(labels):
        return _describe_classes(data, given, len(rows) - len(broken))
    _report_equal_names(data, added.table["id"])
    with files.atomic_folder(data.path, marker=MARKER, overwrite=True) as work:
        if data.table_only:
            packed = unpacked(added, data.size)
        else:
            before = data.path / PACK
            packed = write_pack(work / PACK, added, data.size, request.workers, after=before)
        skipped = pd.concat([left_out(added, packed.reasons), left_out(repeated, broken)])
        changed = bool(packed.kept or len(labels))
        if not changed and not len(rows):
            refuse_none(skipped)
        table = _append_rows(data, added.table.iloc[packed.kept], labels) if changed else data.table
        all_skipped = _merge_skipped(data, new, skipped)
        notes = [*description.notes, *suspicions(table, description.class_info)]
        written = description.model_copy(update={"notes": notes}) if changed else data.record
        write_dataset(work, table, all_skipped, packed.pixels, written)
        _copy_other_files(data.path, work)
    if not changed:
        first = skipped["file"].iloc[0]
        say(f"Images that cannot be imported: {len(skipped):,}, such as '{first}'.")
        return _describe_classes(open_dataset(data.path), given, len(rows) - len(broken))
    say(f"{data.path}: added {len(packed.kept):,} images and {len(labels):,} labels.")
    _report_replaced(data, given)
    _report_next_steps(data, new)
    return open_dataset(data.path)


def _select(source: Source, mask: NDArray[np.bool_]) -> Source:
    rows = np.flatnonzero(mask)
    items = [source.items[row] for row in rows.tolist()] if len(source.items) else ()
    return replace(source, table=source.table.iloc[rows].reset_index(drop=True), items=items)


def _refuse_other_values(data: Dataset, rows: Rows, column: str, values: pd.Series) -> None:
    new, stored = values.to_numpy(object), data.table[column].iloc[rows].to_numpy(object)
    differs = pd.notna(new) & pd.notna(stored) & (new != stored)
    _refuse(data, rows[differs], f"another {column}")


def _refuse_other_pixels(
    data: Dataset, rows: Rows, repeated: Source, workers: int | None
) -> dict[int, str]:
    """Decode images that the data set holds; return why some cannot be read now, by row."""
    broken: dict[int, str] = {}
    differing: list[int] = []
    for batch in decoded(repeated, data.size, workers):
        batch_rows = rows[batch.rows]
        same = (data.images[batch_rows] == batch.images).all(axis=(1, 2, 3))
        differing += batch_rows[~same].tolist()
        broken |= batch.reasons
    _refuse(data, differing, "other pixels")
    if broken:
        say(
            f"Images that {data.path} holds and that cannot be read now: {len(broken):,}, such as "
            f"'{repeated.table['id'][min(broken)]}'; their labels are not added."
        )
    return broken


def _refuse(data: Dataset, rows: Rows | list[int], difference: str) -> None:
    if len(rows):
        raise UserError(
            f"{data.path} holds {len(rows):,} of these images with {difference}, such as "
            f"'{data.table['id'].iloc[rows[0]]}': fix the source, or give its images other ids; "
            "nothing was changed."
        )


def _new_labels(data: Dataset, table: pd.DataFrame) -> pd.Series:
    """Return the labels of images that have none in the data set, by id."""
    unlabelled = data.table["id"][data.table["label"].isna()]
    return table[table["id"].isin(unlabelled)].set_index("id")["label"].dropna()


def _report_equal_names(data: Dataset, ids: pd.Series) -> None:
    """Report images that the data set may hold under an id in another spelling."""
    folder_or_suffix = r"^.*/|\.[^./]*$"
    names = set(data.table["id"].str.replace(folder_or_suffix, "", regex=True))
    equal = ids[ids.str.replace(folder_or_suffix, "", regex=True).isin(names)]
    if len(equal):
        say(
            f"New images whose file has the name of one in {data.path}: {len(equal):,}, such as "
            f"'{equal.iloc[0]}': if they are the same images, give them the same ids."
        )


def _append_rows(data: Dataset, added: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    old = data.table
    if len(data.record.sources) == 1:  # the table has no column that names the source
        old = with_source_name(data.record.sources[0].name, old)
    # An image without a group stays alone, even if its id is the name of an existing group.
    alone = given_groups(added).isna() & added["id"].isin(old["group"])
    group = added["group"].mask(alone, added["source"] + "/" + added["id"])
    added = added.drop(columns="split").assign(group=group)
    label = old["label"].astype(object).fillna(old["id"].map(labels))
    return arrange(concatenate([old.assign(label=label), added]))


def _merge_skipped(data: Dataset, new: Source, skipped: pd.DataFrame) -> pd.DataFrame:
    """List what was skipped before, unless it was tried again, and what is skipped now."""
    before = pd.read_csv(data.path / SKIPPED, dtype=str, keep_default_na=False).map(unescaped)
    return pd.concat([before[~before["file"].isin(new.table["id"])], skipped]).drop_duplicates()


def _description(
    data: Dataset, new: Source, sources: Sequence[SourceRecord], given: Mapping[str, ClassInfo]
) -> DatasetDescription:
    class_info = updated(data.class_info, given, data.classes)
    old = Source(
        data.table,
        (),
        classes=data.classes,
        class_info=class_info,
        notice=data.record.notice,
        licence=data.record.licence,
    )
    outdated = suspicions(data.table, data.class_info)
    notes = [note for note in (*data.record.notes, *new.notes) if note not in outdated]
    return DatasetDescription(
        size=data.size,
        classes=merge_classes([old, new]),
        class_info=merge_class_info([old, new]),
        table_only=data.table_only,
        notice=merge_notices([old, new]),
        licence=merge_licences([old, new]),
        sources=[*data.record.sources, *sources],
        previous_hashes=[*data.record.previous_hashes, data.hash],
        notes=list(dict.fromkeys(notes)),
    )


def _describe_classes(data: Dataset, given: Mapping[str, ClassInfo], images: int) -> Dataset:
    """Keep the images as they are, and store the user's descriptions of their classes."""
    class_info = updated(data.class_info, given, data.classes)
    if class_info == data.class_info:
        say(f"{data.path} holds these {images:,} images already: nothing to do.")
        return data
    data.record.model_copy(update={"class_info": class_info}).write(data.path / MARKER)
    say(f"{data.path} holds these {images:,} images already.")
    _report_replaced(data, given)
    return open_dataset(data.path)


def _copy_other_files(old: Path, work: Path) -> None:
    """Copy splits, audit and all other files of the folder."""
    for path in old.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, work / path.name, symlinks=True)
        elif path.name not in (MARKER, TABLE, PACK, SKIPPED):
            shutil.copy2(path, work / path.name, follow_symlinks=False)


def _report_replaced(data: Dataset, given: Mapping[str, ClassInfo]) -> None:
    class_info = updated(data.class_info, given, data.classes)
    replaced = [name for name in class_info if class_info[name] != data.class_info.get(name)]
    if replaced:
        say(f"Descriptions of classes were replaced by yours: {', '.join(replaced)}.")


def _report_next_steps(data: Dataset, new: Source) -> None:
    if new.table["split"].notna().any():
        say("The splits that the source names are ignored: those of the data set stay.")
    if (data.path / FOLDER).is_dir():
        say(
            "Its splits do not contain the new images and labels: extend one with "
            f"'twinlens split {data.path} --extend NAME'."
        )
    if (data.path / LINKS.parent).is_dir():
        say(f"Its audit is out of date: run 'twinlens audit {data.path}' again.")
