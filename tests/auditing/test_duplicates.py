import numpy as np
import pandas as pd
import pytest

from twinlens.auditing.duplicates import (
    LINKS,
    Selection,
    exact_duplicates,
    links_table,
    near_duplicates,
)
from twinlens.records.audit import DEFAULTS

KINDS = ["encoded anew", "smaller before", "mirrored", "upside down", "turned", "cropped"]
HOW = ["", "", "mirrored", "mirrored top to bottom", "turned by 180°", "cropped"]


def pairs(links):
    return list(zip(links["a"].tolist(), links["b"].tolist(), strict=True))


def everybody(images):
    return np.arange(len(images))


@pytest.fixture(scope="module")
def planted(photographs, reencoded, resized):
    """All photographs, then ten copies of each of `KINDS`, of photographs 0 to 59."""
    some = photographs[:60].reshape(6, 10, 80, 80, 3)
    box = (1.3, 2.6, 77.3, 78.6)  # 95 % of either side
    copies = [
        reencoded(some[0]),
        resized(resized(some[1], 60), 80),
        some[2][:, :, ::-1],
        reencoded(some[3][:, ::-1]),
        some[4][:, ::-1, ::-1],
        resized(some[5], 80, box),
    ]
    return np.concatenate([photographs, *copies])


def test_planted_copies_are_found_and_nothing_else(planted):
    assert exact_duplicates(planted).empty
    links = near_duplicates(planted, everybody(planted))
    assert links.columns.tolist() == LINKS
    assert pairs(links) == [(number, 120 + number) for number in range(60)]
    assert links["score"].between(DEFAULTS.min_correlation, 1.0001).all()
    assert (links["found_by"] == "hash").all()
    for number, how in enumerate(HOW):
        assert set(links["transformation"][10 * number : 10 * number + 10]) == {how}


def test_exact_copies_are_linked_to_the_first_of_them(photographs):
    links = exact_duplicates(photographs[[0, 1, 0, 2, 0, 1]])
    assert pairs(links) == [(0, 2), (0, 4), (1, 5)]
    assert links.columns.tolist() == LINKS
    assert (links["found_by"] == "pixels").all()
    assert (links["score"] == 1).all()
    assert exact_duplicates(photographs).empty
    shifted = np.roll(photographs[:1], 1, axis=3)  # the same bytes in another order
    assert exact_duplicates(np.concatenate([photographs[:1], shifted])).empty


def test_a_thousand_equal_images_make_a_star(photographs):
    links = exact_duplicates(np.broadcast_to(photographs[0], (1000, 80, 80, 3)))
    assert pairs(links) == [(0, copy) for copy in range(1, 1000)]


def test_only_the_rows_that_are_meant_are_compared(planted):
    rows = np.array([3, 4, 5, 119, 123, 125, 179])
    assert pairs(near_duplicates(planted, rows)) == [(3, 123), (5, 125)]


@pytest.mark.parametrize("size", [128, 56, 40, 32])
def test_two_packs_of_different_sizes_are_compared(photographs, resized, size):
    theirs = resized(photographs, size)
    theirs[1::2] = theirs[1::2, :, ::-1]
    mine, rows = photographs[:40], np.arange(10, 70)
    links = near_duplicates(mine, np.arange(0, 40), others=Selection(theirs, rows))
    assert pairs(links) == [(row, row) for row in range(10, 40)]
    assert links["transformation"].tolist() == ["", "mirrored"] * 15
    back = near_duplicates(theirs, rows, others=Selection(mine, np.arange(40)))
    assert pairs(back) == pairs(links)


def test_an_image_is_found_in_another_pack_though_it_is_exactly_the_same(photographs):
    links = near_duplicates(
        photographs, np.array([7]), others=Selection(photographs, np.array([6, 7, 8]))
    )
    assert pairs(links) == [(7, 7)]
    assert links["score"][0] == pytest.approx(1, abs=1e-5)


def test_without_images_or_with_one_there_are_no_links(photographs):
    none = np.arange(0)
    assert exact_duplicates(photographs[:0]).empty
    for links in (
        near_duplicates(photographs, none),
        near_duplicates(photographs, np.array([5])),
        near_duplicates(photographs, none, others=Selection(photographs, everybody(photographs))),
        near_duplicates(photographs, everybody(photographs), others=Selection(photographs, none)),
    ):
        assert links.empty
        assert links.columns.tolist() == LINKS
        assert links[["a", "b"]].dtypes.tolist() == [np.int64, np.int64]


def test_the_thresholds_decide(planted):
    rows = everybody(planted)
    strict = near_duplicates(planted, rows, radius=0)
    assert 0 < len(strict) < 60
    assert near_duplicates(planted, rows, threshold=1.1).empty
    assert len(near_duplicates(planted, rows, radius=16, threshold=0.2)) >= 60


def test_images_that_show_nothing_are_no_copies_of_each_other():
    levels = np.arange(0, 250, 5, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (50, 64, 64, 3))
    assert near_duplicates(images, everybody(images)).empty


def test_batches_do_not_show(planted, monkeypatch):
    rows = everybody(planted)
    expected = near_duplicates(planted, rows)
    monkeypatch.setattr("twinlens.auditing.duplicates._BATCH", 7)
    found = near_duplicates(planted, rows)
    pd.testing.assert_frame_equal(found, expected, atol=1e-5)


def test_tables_of_links_can_be_joined_when_empty():
    tables = [links_table([], [], "pixels", 1.0, ""), links_table([4], [5], "hash", [0.7], "x")]
    joined = pd.concat(tables, ignore_index=True)
    assert pairs(joined) == [(4, 5)]
    assert joined.dtypes.equals(tables[1].dtypes)
