import numpy as np
import pytest

from twinlens.data.strata import PARTS, deal, share, stratify


def strata_of(labels, groups, seed=0):
    labels, groups = np.array(labels), np.array(groups)
    place = np.random.default_rng(seed).permutation(groups.max() + 1)
    return stratify(labels, groups, place), groups.max() + 1


def test_the_stratum_of_a_group_is_its_class_with_the_fewest_groups():
    # Class 0 is in groups 0 to 3, class 1 in 0 and 1, class 2 in 0 alone.
    pairs, _ = strata_of([0, 0, 1, 2, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1, 2, 3])
    assert dict(zip(pairs["group"], pairs["stratum"], strict=True)) == {0: 2, 1: 1, 2: 0, 3: 0}
    assert dict(zip(pairs["group"], pairs["images"], strict=True)) == {0: 4, 1: 2, 2: 1, 3: 1}
    assert pairs["label"].tolist() == [2, 1, 1, 0, 0, 0, 0]


def test_shares_of_single_images_are_exact():
    pairs, count = strata_of([0] * 50 + [1] * 30, range(80))
    parts, notes = deal(pairs, count, val=0.1, test=0.2, classes=["a", "b"])
    assert notes == []
    for members, expected in ((slice(0, 50), [35, 10, 5]), (slice(50, 80), [21, 6, 3])):
        assert np.bincount(parts[members], minlength=len(PARTS)).tolist() == expected


@pytest.mark.parametrize("size", [2, 3, 5])
def test_shares_of_larger_groups_are_within_half_a_group(size):
    pairs, count = strata_of([0] * 60, np.arange(60) // size)
    for val, test in ((0.13, 0.21), (0.3, 0.33), (0.0, 0.47)):
        parts, _ = deal(pairs, count, val=val, test=test, classes=["a"])
        images = np.bincount(parts, minlength=len(PARTS)) * size
        for found, wanted in zip(images, (1 - val - test, test, val), strict=True):
            assert abs(found - 60 * wanted) <= size  # half a group at either edge


def test_groups_are_drawn_evenly():
    """Of 20 equal groups in each of 200 classes, each is tested on in a fifth of the classes."""
    pairs, count = strata_of(np.repeat(np.arange(200), 20), range(4000))
    parts, _ = deal(pairs, count, val=0.1, test=0.2, classes=[str(i) for i in range(200)])
    tested = (parts == PARTS.index("test")).reshape(200, 20)
    assert (tested.sum(axis=1) == 4).all()
    assert np.abs(tested.sum(axis=0) - 40).max() < 4 * np.sqrt(200 * 0.2 * 0.8)


def test_a_share_is_nested_and_whole():
    pairs, _ = strata_of([0] * 40 + [1] * 20, np.arange(60) // 2)
    chosen = [set(share(pairs, fraction)) for fraction in (0.01, 0.1, 0.5, 1.0)]
    assert [len(groups) for groups in chosen] == [2, 3, 15, 30]
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3]
