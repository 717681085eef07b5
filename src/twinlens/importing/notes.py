"""The notes of an import, with their sentences from notes.yaml."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from twinlens.config import read_yaml
from twinlens.records.dataset import ImportNote

_LISTED = 5


@cache
def _notes() -> dict[str, list[str]]:
    return read_yaml(Path(__file__).with_name("notes.yaml"))


def note(name: str, count: int, /, **values: str | float) -> ImportNote:
    """Return a note of notes.yaml with its count and its values filled in."""
    kind, text = _notes()[name]
    content = {"kind": kind, "count": count, "text": text.format(count=count, **values)}
    return ImportNote.model_validate(content)


def listed(names: Iterable[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    all_names = list(names)
    more = f" and {len(all_names) - _LISTED:,} more" if len(all_names) > _LISTED else ""
    return ", ".join(all_names[:_LISTED]) + more
