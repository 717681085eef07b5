"""A data set that grows: new images after the old ones, labels for images that had none.

An old image keeps its row, its pixels, its label and its group, so that every split stays valid.
The grown data set is built whole before it takes the old one's place.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twinlens import files
from twinlens.console import say
from twinlens.data.dataset import (
    MARKER,
    PACK,
    SKIPPED,
    TABLE,
    Dataset,
    open_dataset,
    write_dataset,
)
from twinlens.data.groups import LINKS
from twinlens.data.splits import FOLDER
from twinlens.data.table import arrange
from twinlens.errors import UserError
from twinlens.importing.merge import about, given_groups, named, source_names, stack
from twinlens.importing.pack import Packed, decoded, left_out, refuse_none, unpacked, write_pack
from twinlens.importing.source import Source
from twinlens.types import Rows


def origins(data: Dataset) -> list[dict[str, Any]]:
    """Return where the images of a data set came from, in order, each with its name."""
    entries = _entries(data)
    names = source_names(entry["path"] for entry in entries)
    return [{"name": name, **entry} for name, entry in zip(names, entries, strict=True)]


def grow(
    data: Dataset,
    new: Source,
    new_origins: Sequence[Mapping[str, str]],
    told: Mapping[str, Mapping[str, str]],
    *,
    table_only: bool,
    workers: int | None = None,
) -> Dataset:
    """Add images to a data set, and labels to images that are there without one.

    Args:
        data: The data set.
        new: The images, with the column ``source``. Those that are there already are known by
            their ids.
        new_origins: Where they came from, for ``dataset.json``.
        told: What the user says about classes; it takes the place of what is held.
        table_only: Whether no image is at hand, so that ids alone are compared.
        workers: Threads that decode; None: one a processor.

    Raises:
        UserError: An image that is there has another label, group or pixels, or a new one cannot
            be had. The data set is as it was.
    """
    known = new.table["id"].isin(data.table["id"]).to_numpy()
    fresh, again = _some(new, ~known), replace(_some(new, known), skipped=())
    place = pd.Index(data.table["id"]).get_indexer(again.table["id"])
    _refuse_other(data, place, "label", again.table["label"])
    _refuse_other(data, place, "group", given_groups(new.table)[known])
    if table_only and len(fresh.table) and not data.table_only:
        raise UserError(
            f"{data.path} lacks {len(fresh.table):,} of these images, such as "
            f"'{fresh.table['id'][0]}': import them without --table-only."
        )
    facts = _facts(data, new, told)
    broken = {} if table_only else _refuse_other_pixels(data, place, again, workers)
    labels = _new_labels(data, again.table.drop(index=list(broken)))
    if not len(fresh.table) and not len(labels):
        return _described(data, told, len(place) - len(broken))
    _mention_equal_names(data, fresh.table["id"])
    with files.atomic_folder(data.path, marker=MARKER, overwrite=True) as work:
        packed = _packed(work, data, fresh, workers)
        skipped = pd.concat([left_out(fresh, packed.reasons), left_out(again, broken)])
        grows = bool(packed.kept or len(labels))
        if not grows and not len(place):
            refuse_none(skipped)
        table = _grown(data, fresh.table.iloc[packed.kept], labels) if grows else data.table
        info = _info(data, facts, new_origins) if grows else _info_as_it_was(data)
        write_dataset(work, table, _all_skipped(data, new, skipped), packed.pixels, info)
        _keep_the_rest(data.path, work)
    if not grows:
        first = skipped["file"].iloc[0]
        say(f"Images that cannot be imported: {len(skipped):,}, such as '{first}'.")
        return _described(open_dataset(data.path), told, len(place) - len(broken))
    _report(data, len(packed.kept), len(labels), new, told)
    return open_dataset(data.path)


def _entries(data: Dataset) -> list[dict[str, Any]]:
    source = data.info["source"]
    return [source] if isinstance(source, dict) else list(source)


def _packed(work: Path, data: Dataset, fresh: Source, workers: int | None) -> Packed:
    if data.table_only:
        return unpacked(fresh, data.size)
    return write_pack(work / PACK, fresh, data.size, workers, after=data.path / PACK)


def _some(source: Source, mask: NDArray[np.bool_]) -> Source:
    rows = np.flatnonzero(mask)
    items = [source.items[row] for row in rows.tolist()] if len(source.items) else ()
    return replace(source, table=source.table.iloc[rows].reset_index(drop=True), items=items)


def _refuse_other(data: Dataset, place: Rows, what: str, given: pd.Series) -> None:
    said, held = given.to_numpy(object), data.table[what].iloc[place].to_numpy(object)
    differs = pd.notna(said) & pd.notna(held) & (said != held)
    _refuse(data, place[differs], f"another {what}")


def _refuse_other_pixels(
    data: Dataset, place: Rows, again: Source, workers: int | None
) -> dict[int, str]:
    """Decode images that are there already; return for those that are broken now why."""
    broken: dict[int, str] = {}
    differing: list[int] = []
    for some in decoded(again, data.size, workers):
        rows = place[some.rows]
        same = (data.images[rows] == some.images).all(axis=(1, 2, 3))
        differing += rows[~same].tolist()
        broken |= some.reasons
    _refuse(data, differing, "other pixels")
    if broken:
        say(
            f"Images that {data.path} holds and that cannot be read now: {len(broken):,}, such as "
            f"'{again.table['id'][min(broken)]}'; their labels are not added."
        )
    return broken


def _refuse(data: Dataset, rows: Rows | list[int], what: str) -> None:
    if len(rows):
        raise UserError(
            f"{data.path} holds {len(rows):,} of these images with {what}, such as "
            f"'{data.table['id'].iloc[rows[0]]}': mend the source, or give its images ids of their "
            "own; nothing was changed."
        )


def _new_labels(data: Dataset, given: pd.DataFrame) -> pd.Series:
    """Return the labels of images that have none in the data set, by id."""
    bare = data.table["id"][data.table["label"].isna()]
    return given[given["id"].isin(bare)].set_index("id")["label"].dropna()


def _mention_equal_names(data: Dataset, ids: pd.Series) -> None:
    """Say where an image may be there under an id in another spelling."""
    place = r"^.*/|\.[^./]*$"
    names = set(data.table["id"].str.replace(place, "", regex=True))
    alike = ids[ids.str.replace(place, "", regex=True).isin(names)]
    if len(alike):
        say(
            f"New images whose file has the name of one in {data.path}: {len(alike):,}, such as "
            f"'{alike.iloc[0]}': if they are the same images, give them the same ids."
        )


def _grown(data: Dataset, fresh: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    old = data.table
    if not any("name" in entry for entry in _entries(data)):
        old = named(" + ".join(entry["name"] for entry in origins(data)), old)
    # An image without a group stays alone, even if its id is the name of a group that is there.
    alone = given_groups(fresh).isna() & fresh["id"].isin(old["group"])
    group = fresh["group"].mask(alone, fresh["source"] + "/" + fresh["id"])
    fresh = fresh.drop(columns="split").assign(group=group)
    label = old["label"].astype(object).fillna(old["id"].map(labels))
    return arrange(stack([old.assign(label=label), fresh]))


def _all_skipped(data: Dataset, new: Source, skipped: pd.DataFrame) -> pd.DataFrame:
    """List what was skipped before, unless it was tried again, and what is skipped now."""
    before = pd.read_csv(data.path / SKIPPED, dtype=str, keep_default_na=False)
    return pd.concat([before[~before["file"].isin(new.table["id"])], skipped]).drop_duplicates()


def _told(data: Dataset, told: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Return what is known about the classes that are there, in the user's words first."""
    held = data.class_info
    known = {name: {**held.get(name, {}), **told.get(name, {})} for name in data.classes}
    return {name: facts for name, facts in known.items() if facts}


def _facts(data: Dataset, new: Source, told: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    notice = data.info["notice"]
    info = _told(data, told)
    held = Source(data.table, (), classes=data.classes, class_info=info, notice=notice)
    return about([held, new])


def _described(data: Dataset, told: Mapping[str, Mapping[str, str]], images: int) -> Dataset:
    """Keep the images as they are, and what the user says about their classes."""
    info = _told(data, told)
    if info == data.class_info:
        say(f"{data.path} holds these {images:,} images already: nothing to do.")
        return data
    files.write_json(data.path / MARKER, {**data.info, "class_info": info})
    say(f"{data.path} holds these {images:,} images already.")
    _report_replaced(data, told)
    return open_dataset(data.path)


def _info(
    data: Dataset, facts: Mapping[str, Any], new_origins: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "size": data.size,
        "table_only": data.table_only,
        **facts,
        "source": [*origins(data), *new_origins],
        "grown_from": [*data.info.get("grown_from", []), data.hash],
    }


def _info_as_it_was(data: Dataset) -> dict[str, Any]:
    counted = ("hash", "images", "skipped")
    return {name: value for name, value in data.info.items() if name not in counted}


def _keep_the_rest(old: Path, work: Path) -> None:
    """Copy splits, audit and whatever else lies in the folder."""
    for path in old.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, work / path.name, symlinks=True)
        elif path.name not in (MARKER, TABLE, PACK, SKIPPED):
            shutil.copy2(path, work / path.name, follow_symlinks=False)


def _report_replaced(data: Dataset, told: Mapping[str, Mapping[str, str]]) -> None:
    info = _told(data, told)
    replaced = [name for name in info if info[name] != data.class_info.get(name)]
    if replaced:
        say(f"What is known about classes is replaced as you say: {', '.join(replaced)}.")


def _report(
    data: Dataset,
    images: int,
    labels: int,
    new: Source,
    told: Mapping[str, Mapping[str, str]],
) -> None:
    say(f"{data.path} grows by {images:,} images and {labels:,} labels.")
    _report_replaced(data, told)
    if new.table["split"].notna().any():
        say("The splits that the source names are left out: those of the data set stay.")
    if (data.path / FOLDER).is_dir():
        say(
            "The splits know none of this yet: go on from one with "
            f"'twinlens split {data.path} --extend NAME'."
        )
    if (data.path / LINKS.parent).is_dir():
        say(f"Its audit is of before: run 'twinlens audit {data.path}' again.")
