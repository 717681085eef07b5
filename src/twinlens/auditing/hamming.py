"""All pairs of 64-bit hashes within a small Hamming distance, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani & Fleet 2012, "Fast search in Hamming space with multi-index
hashing"): hashes are cut into m bands of about log2(N) bits. With r = m q + a, two hashes that
differ in at most r bits differ in at most q bits in one of the first a + 1 bands, or in at most
q - 1 in one of the others; so looking up these bands and their close variants finds every pair.
As the width of a band grows with log2(N), a look-up returns a constant number of hashes on
average, and the work grows little faster than N.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from twinlens.data.hashing import Hashes

BITS = 64
MAX_MATCHES = 20
"""Matches kept for each query."""

_BATCH = 2**22  # pairs whose distance is computed at a time

Matches = Int[ndarray, "match 3"]
"""Columns: position of the query, position of the indexed hash, Hamming distance."""

Codes = Int[ndarray, " _"]
"""Matches as one number each, so that sorting is quick: query, then distance, then hash."""

_QUERY_SHIFT, _DISTANCE_SHIFT = 35, 28  # of the fields of a code, in bits


class HammingIndex:
    """An index of hashes that returns all within a Hamming distance."""

    def __init__(self, hashes: Hashes) -> None:
        """Sort the hashes by each of their bands."""
        bands = max(1, round(BITS / max(1.0, np.log2(max(2, len(hashes))))))
        edges = np.linspace(0, BITS, bands + 1).round().astype(int)
        self._bands = [_Band.of(hashes, int(low), int(high)) for low, high in pairwise(edges)]

    def within(self, queries: Hashes, radius: int, most: int = MAX_MATCHES) -> Matches:
        """Return for each query the indexed hashes that differ in at most `radius` bits.

        Args:
            queries: Hashes, shape (query,).
            radius: Hamming distance, in bits.
            most: The nearest so many matches of each query are returned.
        """
        quotient, remainder = divmod(radius, len(self._bands))
        codes = [np.empty(0, dtype=np.int64)]
        for number, band in enumerate(self._bands):
            order = np.argsort(band.keys(queries), kind="stable")  # so that look-ups are in order
            ordered = queries[order]
            for mask in _masks(band.width, quotient if number <= remainder else quotient - 1):
                for query, place in band.look_up(band.keys(ordered) ^ mask):
                    distance = np.bitwise_count(ordered[query] ^ band.hashes[place])
                    near = distance <= radius
                    matches = order[query[near]], distance[near], band.positions[place[near]]
                    codes.append(_nearest(_encode(*matches), most))
        return _decode(_nearest(np.concatenate(codes), most))


@dataclass(frozen=True, eq=False)
class _Band:
    """A band of bits, and the hashes sorted by its value, the key.

    Attributes:
        low: The first bit.
        width: Number of bits.
        positions: Position of each sorted hash in the index.
        hashes: The sorted hashes.
        starts: For each key the place of the first hash that has it, or a larger one.
    """

    low: int
    width: int
    positions: Int[ndarray, " hash"]
    hashes: Hashes
    starts: Int[ndarray, " key"]

    @classmethod
    def of(cls, hashes: Hashes, low: int, high: int) -> "_Band":
        keys = _keys(hashes, low, high - low)
        starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=2 ** (high - low)))])
        positions = np.argsort(keys, kind="stable")
        return cls(low, high - low, positions, hashes[positions], starts.astype(np.int32))

    def keys(self, hashes: Hashes) -> Int[ndarray, " hash"]:
        return _keys(hashes, self.low, self.width)

    def look_up(self, keys: Int[ndarray, " query"]) -> Iterator[tuple[ndarray, ndarray]]:
        """Yield all pairs of a query and the place of a hash with the same key, in batches."""
        first = self.starts[keys]
        count = self.starts[keys + 1] - first
        matching = np.flatnonzero(count)
        ends = np.cumsum(count[matching])
        start = 0
        while start < len(matching):
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + _BATCH, side="right")))
            queries = matching[start:stop]
            counts = count[queries]
            offset = first[queries] - (np.cumsum(counts) - counts)
            yield np.repeat(queries, counts), np.arange(counts.sum()) + np.repeat(offset, counts)
            start = stop


def _keys(hashes: Hashes, low: int, width: int) -> Int[ndarray, " hash"]:
    keys: ndarray = (hashes >> np.uint64(low)) & np.uint64(2**width - 1)
    return keys.astype(np.int64)


@cache
def _masks(width: int, radius: int) -> list[int]:
    """Return all patterns of at most `radius` set bits of a band."""
    return [
        sum(1 << bit for bit in bits)
        for count in range(min(radius, width) + 1)
        for bits in combinations(range(width), count)
    ]


def _encode(query: ndarray, distance: ndarray, position: ndarray) -> Codes:
    distance = distance.astype(np.int64)
    codes: Codes = (query << _QUERY_SHIFT) | (distance << _DISTANCE_SHIFT) | position
    return codes


def _decode(codes: Codes) -> Matches:
    position, distance = codes & (2**_DISTANCE_SHIFT - 1), (codes >> _DISTANCE_SHIFT) & 127
    return np.stack([codes >> _QUERY_SHIFT, position, distance], axis=1)


def _nearest(codes: Codes, most: int) -> Codes:
    """Drop duplicates, and all but the nearest matches of each query."""
    codes = np.unique(codes)
    query = codes >> _QUERY_SHIFT
    nearest: Codes = codes[np.arange(len(query)) - np.searchsorted(query, query) < most]
    return nearest
