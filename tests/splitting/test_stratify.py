import numpy as np
import pytest

from twinlens.splitting.stratify import (
    PARTS,
    TEST,
    TRAIN,
    VAL,
    allocate,
    allocate_counts,
    allocate_folds,
    rank_in_class,
    share,
    stratify,
)


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
    parts = allocate(pairs, count, val=0.1, test=0.2)
    for members, expected in ((slice(0, 50), [35, 10, 5]), (slice(50, 80), [21, 6, 3])):
        assert np.bincount(parts[members], minlength=len(PARTS)).tolist() == expected


@pytest.mark.parametrize("size", [2, 3, 5])
def test_shares_of_larger_groups_are_within_half_a_group(size):
    pairs, count = strata_of([0] * 60, np.arange(60) // size)
    for val, test in ((0.13, 0.21), (0.3, 0.33), (0.0, 0.47)):
        parts = allocate(pairs, count, val=val, test=test)
        images = np.bincount(parts, minlength=len(PARTS)) * size
        for found, wanted in zip(images, (1 - val - test, test, val), strict=True):
            assert abs(found - 60 * wanted) <= size  # half a group at either edge


def test_groups_are_drawn_evenly():
    """Of 20 equal groups in each of 200 classes, each is tested on in a fifth of the classes."""
    pairs, count = strata_of(np.repeat(np.arange(200), 20), range(4000))
    parts = allocate(pairs, count, val=0.1, test=0.2)
    tested = (parts == PARTS.index("test")).reshape(200, 20)
    assert (tested.sum(axis=1) == 4).all()
    assert np.abs(tested.sum(axis=0) - 40).max() < 4 * np.sqrt(200 * 0.2 * 0.8)


def test_a_share_is_nested_and_whole():
    pairs, _ = strata_of([0] * 40 + [1] * 20, np.arange(60) // 2)
    chosen = [set(share(pairs, fraction)) for fraction in (0.01, 0.1, 0.5, 1.0)]
    assert [len(groups) for groups in chosen] == [2, 3, 15, 30]
    assert chosen[0] < chosen[1] < chosen[2] < chosen[3]


def test_counts_are_had_exactly_by_single_images_and_just_passed_by_groups():
    wanted = [(10, 4, 1), (5, 3, 1)]
    for size in (1, 3):
        pairs, count = strata_of([0] * 30 + [1] * 18, np.arange(48) // size)
        parts, short = allocate_counts(pairs, count, wanted, np.ones(count, dtype=bool))
        assert short == []
        images = np.repeat(parts, size)
        for label, members in enumerate((images[:30], images[30:])):
            found = np.bincount(members, minlength=len(PARTS))
            for part, number in zip((TRAIN, VAL), wanted[label], strict=False):
                assert 0 <= found[part] - number < size


def test_counts_come_from_the_groups_that_are_free():
    pairs, count = strata_of([0] * 20, range(20))
    free = np.arange(20) < 8
    parts, short = allocate_counts(pairs, count, [(5, 2, 1)], free)
    assert short == []
    assert (parts[~free] == TEST).all()
    assert np.bincount(parts[free]).tolist() == [5, 1, 2]


def test_a_class_that_cannot_have_its_counts_keeps_their_shares():
    pairs, count = strata_of([0] * 40 + [1] * 8, range(48))
    parts, short = allocate_counts(pairs, count, [(60, 20, 20), (4, 2, 2)], np.ones(48, dtype=bool))
    assert short == [0]
    assert np.bincount(parts[:40]).tolist() == [24, 8, 8]
    assert np.bincount(parts[40:]).tolist() == [4, 2, 2]
    none_left, short = allocate_counts(*strata_of([0] * 9, range(9)), [(6, 3, 1)], np.ones(9, bool))
    assert short == [0]
    assert np.bincount(none_left).tolist() == [5, 1, 3]  # 5.4, .9 and 2.7 are their shares


def test_a_class_with_too_few_free_groups_is_dealt_among_those():
    pairs, count = strata_of([0] * 20, range(20))
    free = np.arange(20) < 4
    parts, short = allocate_counts(pairs, count, [(6, 2, 1)], free)
    assert short == [0]
    assert np.bincount(parts[free]).tolist() == [3, 0, 1]
    assert (parts[~free] == TEST).all()
    parts, short = allocate_counts(pairs, count, [(6, 2, 1)], np.zeros(20, dtype=bool))
    assert short == [0]
    assert (parts == TEST).all()


def test_folds_are_balanced_in_every_class_to_within_the_largest_group():
    random = np.random.default_rng(0)
    groups = random.integers(0, 300, 1000)
    labels = (groups % 3 == 0).astype(int)
    pairs, count = strata_of(labels, groups)
    fold = allocate_folds(pairs, count, 7, random)
    for label in range(2):
        images = np.bincount(fold[groups[labels == label]], minlength=7)
        assert np.ptp(images) <= 2  # single images are dealt last, and level the folds


def test_fifteen_images_in_eight_groups_are_in_each_of_five_folds():
    groups = np.repeat(np.arange(8), [8, 1, 1, 1, 1, 1, 1, 1])
    fold = allocate_folds(*strata_of([0] * 15, groups), 5, np.random.default_rng(0))
    assert sorted(np.bincount(fold[groups], minlength=5)) == [1, 2, 2, 2, 8]


def test_folds_level_out_over_classes_and_groups_without_labels_have_none():
    pairs, _ = strata_of(np.arange(21) // 3, range(21))  # seven classes of three images
    fold = allocate_folds(pairs, 22, 5, np.random.default_rng(0))
    assert fold[21] == -1
    assert np.ptp(np.bincount(fold[:21])) <= 1


def test_the_nth_of_its_class_follows_the_order():
    assert rank_in_class(np.array([0, 1, 0, 0, 1]), np.array([9, 3, 1, 4, 2])).tolist() == [
        2, 1, 0, 1, 0,
    ]  # fmt: skip
