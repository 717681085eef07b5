"""The grey levels that images of more than 8 bits use, such as 12 bits in files of 16.

They are found for a source as a whole, so that its images stay comparable.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from twinlens.importing.decode import SIXTEEN_BITS, GreyLevels, decode, deep_levels
from twinlens.importing.notes import note
from twinlens.importing.source import Source

_BITS = (8, 10, 12, 14, 16)
_SAMPLE = 64  # images that tell whether a source has any of more than 8 bits


def with_grey_levels(source: Source, workers: int | None = None) -> Source:
    """Return a source whose images of more than 8 bits are scaled by the levels that they use.

    Whether there are any is seen from a sample of its images.
    """
    items = source.items
    if source.decode is not decode or not _found(source, items[:: len(items) // _SAMPLE + 1]):
        return source
    found = _found(source, items, workers)
    levels = levels_of(min(low for low, _ in found), max(high for _, high in found))
    if levels == SIXTEEN_BITS:
        return source
    said = note("grey_levels", len(found), black=levels.black, white=levels.white)
    return replace(source, decode=partial(decode, levels=levels), notes=[*source.notes, said])


def levels_of(lowest: int, highest: int) -> GreyLevels:
    """Return the levels to show, of which the lowest and the highest that occur are known.

    Without negative ones it is the whole range of the bits needed: 8, 10, 12, 14, 16 or more.
    """
    if lowest < 0:
        return GreyLevels(lowest, max(highest, lowest + 1))
    needed = highest.bit_length()
    return GreyLevels(0, 2 ** next((bits for bits in _BITS if bits >= needed), needed) - 1)


def _found(
    source: Source, items: Iterable[Any], workers: int | None = None
) -> list[tuple[int, int]]:
    def measure(item: Any) -> tuple[int, int] | None:
        try:
            return deep_levels(source.read(item))
        except OSError:
            return None

    with ThreadPoolExecutor(workers) as pool:
        return [levels for levels in pool.map(measure, items) if levels]
