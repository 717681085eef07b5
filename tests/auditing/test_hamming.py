import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlens.auditing import hamming
from twinlens.auditing.hamming import HammingIndex

ALL = 10**6


def distances(members, queries):
    return np.bitwise_count(queries[:, None] ^ members).astype(np.int64)


def brute(distance, radius, most=ALL):
    """Look at all; return the nearest first, of equally near ones the first."""
    query, member = np.nonzero(distance <= radius)
    near = distance[query, member]
    order = np.lexsort([member, near, query])
    query, member, near = query[order], member[order], near[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    return np.stack([query, member, near], axis=1)[place < most]


def random_hashes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def clustered_hashes(count, seed=0):
    """Hashes that differ from one of a few in some bits."""
    random = np.random.default_rng(seed)
    hashes = random_hashes(max(1, count // 8), seed)[random.integers(0, max(1, count // 8), count)]
    for _ in range(5):
        hashes = hashes ^ (np.uint64(1) << random.integers(0, 64, count, dtype=np.uint64))
    return hashes


@pytest.mark.parametrize("count", [1, 2, 3, 100, 5000])
@pytest.mark.parametrize("hashes", [random_hashes, clustered_hashes])
def test_what_is_found_is_what_comparing_all_with_all_finds(count, hashes):
    members = hashes(count)
    queries = np.concatenate([members, clustered_hashes(50, seed=1)])
    index, distance = HammingIndex(members), distances(members, queries)
    for radius in range(11):
        found = index.within(queries, radius, most=ALL)
        np.testing.assert_array_equal(found, brute(distance, radius))
    assert hashes is random_hashes or count < 100 or len(found) > 3 * count


few_bits = st.lists(st.integers(0, 63), max_size=4).map(
    lambda places: sum({1 << p for p in places})
)
some_hashes = st.lists(few_bits | st.integers(0, 2**64 - 1), max_size=40).map(
    lambda values: np.array(values, dtype=np.uint64)
)


@settings(deadline=None)
@given(members=some_hashes, queries=some_hashes, radius=st.integers(0, 64), most=st.integers(1, 9))
def test_any_hashes_are_found(members, queries, radius, most):
    found = HammingIndex(members).within(queries, radius, most)
    np.testing.assert_array_equal(found, brute(distances(members, queries), radius, most))


@pytest.mark.parametrize("count", [10, 300, 5000])
def test_bits_that_differ_evenly_all_over_are_found(count):
    members = random_hashes(count)
    index = HammingIndex(members)
    for radius in range(1, 11):
        places = np.linspace(0, 64, radius, endpoint=False).astype(int)
        shifted = (places + np.arange(64)[:, None]) % 64
        masks = (np.uint64(1) << shifted.astype(np.uint64)).sum(axis=1, dtype=np.uint64)
        found = index.within(members[0] ^ masks, radius)
        assert (found[found[:, 1] == 0][:, [0, 2]] == [[n, radius] for n in range(64)]).all()
        assert not (index.within(members[0] ^ masks, radius - 1)[:, 1] == 0).any()


def test_only_the_nearest_few_are_returned():
    members = clustered_hashes(2000)
    index, distance = HammingIndex(members), distances(members, members)
    for most in (1, 4, 12):
        found = index.within(members, 9, most)
        np.testing.assert_array_equal(found, brute(distance, 9, most))
        assert np.bincount(found[:, 0]).max() == most


def test_without_hashes_or_queries_nothing_is_found():
    some, none = random_hashes(5), random_hashes(0)
    for members, queries in ((some, none), (none, some), (some, ~some)):
        assert HammingIndex(members).within(queries, 3).shape == (0, 3)


def test_many_equal_hashes_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(hamming, "_BATCH", 10_000)
    members = np.full(1000, 12345, dtype=np.uint64)
    tracemalloc.start()
    found = HammingIndex(members).within(members, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(members) ** 2  # a number for each of the million pairs
    assert len(found) == 20 * len(members)
    assert (found[:, 1] < 20).all()
    assert not found[:, 2].any()
