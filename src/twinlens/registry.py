"""Tables of names: each entry is a module's attribute, imported when it is first asked for.

Installed packages add entries through entry points (docs/extending.md).
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from twinlens.errors import UserError, unknown

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only table of named entries, built in or from installed packages.

    Args:
        kind: What an entry is, for errors, such as "method".
        entries: For each name the place of the entry, as ``package.module:ATTRIBUTE``.
        group: Entry-point group in which other packages register theirs, such as
            ``twinlens.methods``; empty for none. A built-in entry cannot be replaced.
    """

    def __init__(self, kind: str, entries: Mapping[str, str], *, group: str = "") -> None:
        self.kind = kind
        self.group = group
        self._built_in = dict(entries)
        self._loaded: dict[str, T] = {}

    @cached_property
    def _places(self) -> dict[str, EntryPoint]:
        others = {entry.name: entry for entry in entry_points(group=self.group)}
        ours = {n: EntryPoint(n, place, self.group) for n, place in self._built_in.items()}
        return ours | {name: entry for name, entry in others.items() if name not in ours}

    def __getitem__(self, name: str) -> T:
        """Return an entry.

        Raises:
            UserError: There is none of this name, or the package that brings it is broken.
        """
        if name not in self._loaded:
            if name not in self._places:
                raise unknown(self.kind, name, self._places)
            self._loaded[name] = self._load(self._places[name])
        return self._loaded[name]

    def _load(self, entry: EntryPoint) -> T:
        module, _, attribute = entry.value.partition(":")
        if entry.name in self._built_in:
            found: T = getattr(import_module(module), attribute)
            return found
        try:
            found = entry.load()
        except Exception as error:
            package = entry.dist.name if entry.dist else module
            raise UserError(
                f"The {self.kind} '{entry.name}' of the package '{package}' cannot be loaded "
                f"({error}): update or uninstall that package."
            ) from error
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places
