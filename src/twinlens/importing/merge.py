"""Several sources as one.

The images of all become one table, with a column ``source``. Equal ids get a prefix: they are
other images. Equal names of groups that sources give mean one group: a group merged by mistake
costs little, a lesion in training and test spoils the result.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.importing.source import Source
from twinlens.records.dataset import ClassInfo

_MARK = 4  # bytes before an image's content that hold the number of its source


def join(sources: Mapping[str, Source]) -> Source:
    """Return the images of several sources as one source.

    Args:
        sources: Each by its name, in order.
    """
    parts = list(sources.values())
    table = concatenate([with_source_name(name, source.table) for name, source in sources.items()])
    ids = _unique_ids(table)
    table["group"] = _groups(parts, table, ids)
    table["id"] = ids

    def read(item: tuple[int, Any]) -> bytes:
        number, source_item = item
        return number.to_bytes(_MARK, "big") + parts[number].read(source_item)

    def decode(content: bytes, *, side: int | None = None) -> Image.Image:
        number = int.from_bytes(content[:_MARK], "big")
        return parts[number].decode(content[_MARK:], side=side)

    return Source(
        table,
        [(number, item) for number, source in enumerate(parts) for item in source.items],
        read,
        decode,
        classes=merge_classes(parts),
        class_info=merge_class_info(parts),
        skipped=[entry for source in parts for entry in source.skipped],
        notice=merge_notices(parts),
        licence=merge_licences(parts),
        notes=[
            note.model_copy(update={"text": f"{name}: {note.text}"})
            for name, source in sources.items()
            for note in source.notes
        ],
    )


def source_names(paths: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Name each source by the last part of its path; equal names get a number.

    Args:
        paths: Files, folders, or what else a source is called by.
        taken: Names that are in use already.
    """
    names = list(taken)
    start = len(names)
    for path in paths:
        place = Path(path).resolve()
        name = place.stem if place.is_file() else place.name
        number = 1
        while (unique := f"{name}-{number}" if number > 1 else name) in names:
            number += 1
        names.append(unique)
    return names[start:]


def concatenate(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables, with the columns of any.

    A column that is text in one and numbers in another becomes text.
    """
    result = pd.concat(tables, ignore_index=True)
    for name, column in result.items():
        if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True).startswith(
            "mixed"
        ):
            result[name] = column.map(str, na_action="ignore")
    return result


def given_groups(table: pd.DataFrame) -> pd.Series:
    """Return the groups of a table, missing where an image's own id is all that is known."""
    group = table["group"]
    return group.mask((group == table["id"]) & ~group.duplicated(keep=False))


def merge_classes(sources: Sequence[Source]) -> list[str]:
    """Return the classes of all sources, those of sources with an order of their own first."""
    ordered = sorted(sources, key=lambda source: source.classes is None)
    return list(dict.fromkeys(name for source in ordered for name in class_names(source)))


def merge_class_info(sources: Sequence[Source]) -> dict[str, ClassInfo]:
    """Return what is known about classes; where two sources differ, the first one counts.

    Raises:
        UserError: Two sources give a class different titles.
    """
    merged: dict[str, ClassInfo] = {}
    for source in sources:
        for name, info in source.class_info.items():
            first = merged.get(name, ClassInfo())
            if info.title and first.title and info.title != first.title:
                raise UserError(
                    f"The class '{name}' is '{first.title}' in one source and '{info.title}' in "
                    "another: import them into separate data sets."
                )
            merged[name] = ClassInfo(
                title=first.title or info.title,
                colour=first.colour or info.colour,
                group=first.group or info.group,
            )
    return merged


def merge_notices(sources: Sequence[Source]) -> str:
    """Return the notices of all sources, each once."""
    return " ".join(dict.fromkeys(source.notice for source in sources if source.notice))


def merge_licences(sources: Sequence[Source]) -> str:
    """Return the licences of all sources, each once, unknown ones named; empty if all are."""
    found = dict.fromkeys(source.licence or "unknown" for source in sources)
    return "" if [*found] == ["unknown"] else "; ".join(found)


def with_source_name(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the name of its source as the column ``source``.

    A column of that name becomes ``original_source``.
    """
    kept = "source"
    while kept in table:
        kept = f"original_{kept}"
    return table.rename(columns={"source": kept}).assign(source=name)


def class_names(source: Source) -> list[str]:
    """Return the classes in order: as the source says, else sorted."""
    return list(source.classes or sorted(source.table["label"].dropna().unique()))


def _groups(parts: Sequence[Source], table: pd.DataFrame, ids: pd.Series) -> pd.Series:
    """Merge groups of one name; an image without a group stays alone in its source."""
    given = pd.concat([given_groups(part.table) for part in parts], ignore_index=True)
    pairs = pd.DataFrame({"group": given, "source": table["source"]}).dropna().drop_duplicates()
    shared = pairs["group"][pairs["group"].duplicated()].nunique()
    if shared:
        say(f"Groups with images of several sources, which every split keeps whole: {shared:,}.")
    within = pd.MultiIndex.from_frame(table[["id", "source"]]).isin(pd.MultiIndex.from_frame(pairs))
    alone = ids.mask(ids.isin(given.dropna()), table["source"] + "/" + table["id"])
    return given.fillna(alone.mask(within, table["id"]))


def _unique_ids(table: pd.DataFrame) -> pd.Series:
    repeated = table["id"].duplicated()
    for name, count in table["source"][repeated].value_counts(sort=False).items():
        say(f"Ids of '{name}' that an earlier source has too: {count:,}; here they are {name}/ID.")
    return table["id"].mask(repeated, table["source"] + "/" + table["id"])
