"""All pairs of 64-bit hashes that differ in few bits, without comparing all with all.

Multi-index hashing (Norouzi, Punjani & Fleet 2012, "Fast search in Hamming space with multi-index
hashing"): hashes are cut into m bands of about log2(N) bits. With r = m q + a, two hashes that
differ in at most r bits differ in at most q bits in one of the first a + 1 bands, or in at most
q - 1 in one of the others; so looking up these bands and their few neighbours finds all of them.
With bands that grow with log2(N), a look-up meets a constant number of hashes on average, so the
work grows little faster than N.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Int, UInt64
from numpy import ndarray

from twinlens.auditing.hashing import Hashes

BITS = 64
_AT_ONCE = 2**22  # pairs whose distance is computed at a time

Found = Int[ndarray, "pair 3"]
"""Rows (query, member, distance)."""


class HammingIndex:
    """An index of hashes, to be asked for all within a distance."""

    def __init__(self, hashes: Hashes) -> None:
        """Sort the hashes by each of their bands."""
        self._hashes = hashes
        bands = max(1, round(BITS / max(1.0, np.log2(max(2, len(hashes))))))
        edges = np.linspace(0, BITS, bands + 1).round().astype(int)
        self._bands = [(int(low), int(high - low)) for low, high in pairwise(edges)]
        self._tables = [_table(_band(hashes, low, width), width) for low, width in self._bands]

    def within(self, queries: Hashes, radius: int, most: int = 20) -> Found:
        """Return for each query the hashes that differ from it in at most `radius` bits.

        Args:
            queries: Hashes, shape (query,).
            radius: Bits that may differ.
            most: At most so many a query, the nearest ones.
        """
        found = []
        each, rest = divmod(radius, len(self._bands))
        for number, ((low, width), table) in enumerate(zip(self._bands, self._tables, strict=True)):
            band = _band(queries, low, width)
            for mask in _masks(width, each if number <= rest else each - 1):
                for query, member in _same(band ^ mask, *table):
                    distance = np.bitwise_count(queries[query] ^ self._hashes[member])
                    near = distance <= radius
                    found.append(np.stack([query[near], member[near], distance[near]], axis=1))
        return _nearest(np.concatenate(found), most)


def _band(hashes: Hashes, low: int, width: int) -> UInt64[ndarray, " image"]:
    band: ndarray = (hashes >> np.uint64(low)) & np.uint64(2**width - 1)
    return band


def _table(keys: UInt64[ndarray, " image"], width: int) -> tuple[ndarray, ndarray]:
    """Return the order that sorts the keys, and where in it each key begins."""
    counts = np.bincount(keys.astype(np.int64), minlength=2**width)
    begins = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)  # halves what is looked up
    return np.argsort(keys, kind="stable").astype(np.int32), begins


@cache
def _masks(width: int, radius: int) -> list[np.uint64]:
    """Return all patterns of at most `radius` bits that may differ in a band."""
    return [
        np.uint64(sum(1 << bit for bit in chosen))
        for count in range(min(radius, width) + 1)
        for chosen in combinations(range(width), count)
    ]


def _same(
    keys: UInt64[ndarray, " query"], order: ndarray, begins: ndarray
) -> Iterator[tuple[ndarray, ndarray]]:
    """Yield pairs of query and member with the same key, so many at a time."""
    keys = keys.astype(np.int64)
    first, count = begins[keys], begins[keys + 1] - begins[keys]
    asking = np.flatnonzero(count)
    ends = np.cumsum(count[asking])
    done = 0
    while done < len(asking):
        before = ends[done - 1] if done else 0
        upto = max(done + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        queries = asking[done:upto]
        each = count[queries]
        within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
        yield np.repeat(queries, each), order[np.repeat(first[queries], each) + within]
        done = upto


def _nearest(found: Found, most: int) -> Found:
    """Drop what several bands found, and what is beyond the nearest few of a query."""
    found = np.unique(found, axis=0)
    found = found[np.lexsort((found[:, 2], found[:, 0]))]
    begins = np.flatnonzero(np.diff(found[:, 0], prepend=-1))
    place = np.arange(len(found)) - np.repeat(begins, np.diff(begins, append=len(found)))
    nearest: Found = found[place < most]
    return nearest
