"""All pairs of 64-bit hashes that differ in few bits, without comparing all with all.

Multi-index hashing (Norouzi, Punjani & Fleet 2012, "Fast search in Hamming space with multi-index
hashing"): hashes are cut into m bands of about log2(N) bits. With r = m q + a, two hashes that
differ in at most r bits differ in at most q bits in one of the first a + 1 bands, or in at most
q - 1 in one of the others; so looking up these bands and their few neighbours finds all of them.
With bands that grow with log2(N), a look-up meets a constant number of hashes on average, so the
work grows little faster than N.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from twinlens.auditing.hashing import Hashes

BITS = 64
_AT_ONCE = 2**22  # pairs whose distance is computed at a time

Found = Int[ndarray, "pair 3"]
"""Rows (query, member, distance)."""

Packed = Int[ndarray, " pair"]
_QUERY, _DISTANCE = 35, 28  # bits of a packed pair from which on query and distance are written


class HammingIndex:
    """An index of hashes, to be asked for all within a distance."""

    def __init__(self, hashes: Hashes) -> None:
        """Sort the hashes by each of their bands."""
        bands = max(1, round(BITS / max(1.0, np.log2(max(2, len(hashes))))))
        edges = np.linspace(0, BITS, bands + 1).round().astype(int)
        self._bands = [_Band.of(hashes, int(low), int(high)) for low, high in pairwise(edges)]

    def within(self, queries: Hashes, radius: int, most: int = 20) -> Found:
        """Return for each query the hashes that differ from it in at most `radius` bits.

        Args:
            queries: Hashes, shape (query,).
            radius: Bits that may differ.
            most: At most so many a query, the nearest ones.
        """
        each, rest = divmod(radius, len(self._bands))
        found = [np.empty(0, dtype=np.int64)]
        for number, band in enumerate(self._bands):
            order = np.argsort(band.keys(queries), kind="stable")  # so that look-ups are in order
            asked = queries[order]
            for mask in _masks(band.width, each if number <= rest else each - 1):
                for query, place in band.same(band.keys(asked) ^ mask):
                    distance = np.bitwise_count(asked[query] ^ band.hashes[place])
                    near = distance <= radius
                    pairs = order[query[near]], distance[near], band.rows[place[near]]
                    found.append(_nearest(_packed(*pairs), most))
        return _unpacked(_nearest(np.concatenate(found), most))


@dataclass(frozen=True, eq=False)
class _Band:
    """A band of the hashes' bits, and the hashes sorted by it."""

    low: int
    width: int
    rows: Int[ndarray, " image"]
    hashes: Hashes
    begins: Int[ndarray, " key"]

    @classmethod
    def of(cls, hashes: Hashes, low: int, high: int) -> "_Band":
        keys = _keys(hashes, low, high - low)
        begins = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=2 ** (high - low)))])
        rows = np.argsort(keys, kind="stable")
        return cls(low, high - low, rows, hashes[rows], begins.astype(np.int32))

    def keys(self, hashes: Hashes) -> Int[ndarray, " image"]:
        return _keys(hashes, self.low, self.width)

    def same(self, keys: Int[ndarray, " query"]) -> Iterator[tuple[ndarray, ndarray]]:
        """Yield pairs of a query and the place of a hash with the same key, so many at a time."""
        first = self.begins[keys]
        count = self.begins[keys + 1] - first
        asking = np.flatnonzero(count)
        ends = np.cumsum(count[asking])
        done = 0
        while done < len(asking):
            before = ends[done - 1] if done else 0
            upto = max(done + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
            queries = asking[done:upto]
            each = count[queries]
            offset = first[queries] - (np.cumsum(each) - each)
            yield np.repeat(queries, each), np.arange(each.sum()) + np.repeat(offset, each)
            done = upto


def _keys(hashes: Hashes, low: int, width: int) -> Int[ndarray, " image"]:
    keys: ndarray = (hashes >> np.uint64(low)) & np.uint64(2**width - 1)
    return keys.astype(np.int64)


@cache
def _masks(width: int, radius: int) -> list[int]:
    """Return all patterns of at most `radius` bits that may differ in a band."""
    return [
        sum(1 << bit for bit in chosen)
        for count in range(min(radius, width) + 1)
        for chosen in combinations(range(width), count)
    ]


def _packed(query: ndarray, distance: ndarray, member: ndarray) -> Packed:
    """Return a number a pair; in their order queries come first, then the nearer ones."""
    packed: Packed = (query << _QUERY) | (distance.astype(np.int64) << _DISTANCE) | member
    return packed


def _unpacked(packed: Packed) -> Found:
    member, distance = packed & (2**_DISTANCE - 1), (packed >> _DISTANCE) & 127
    return np.stack([packed >> _QUERY, member, distance], axis=1)


def _nearest(packed: Packed, most: int) -> Packed:
    """Drop what several bands found, and what is beyond the nearest few of a query."""
    packed = np.sort(packed)
    packed = packed[np.diff(packed, prepend=-1) > 0]
    query = packed >> _QUERY
    nearest: Packed = packed[np.arange(len(query)) - np.searchsorted(query, query) < most]
    return nearest
