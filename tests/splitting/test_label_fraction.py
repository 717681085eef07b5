import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.split import split as make_split


def groups_of(dataset, rows):
    return set(dataset.table["group"].iloc[rows])


def test_label_fractions_are_nested_whole_groups_with_every_class(lesions):
    split = make_split(lesions.path)[0]
    train = split.rows["train"]
    smaller = np.array([], dtype=np.int64)
    for fraction in (0.001, 0.1, 0.25, 0.5, 1.0):
        rows = label_fraction(lesions, split, fraction, seed=7)
        assert np.isin(smaller, rows).all()
        assert np.isin(rows, train).all()
        assert not groups_of(lesions, rows) & groups_of(lesions, np.setdiff1d(train, rows))
        assert set(lesions.labels[rows]) == {0, 1, 2, 3}
        for label in range(4):
            of_class = (lesions.labels[train] == label).sum()
            found = (lesions.labels[rows] == label).sum()
            assert abs(found - fraction * of_class) <= 5
        smaller = rows
    assert np.array_equal(label_fraction(lesions, split, 1.0, seed=8), train)


def test_label_fractions_depend_on_the_seed_alone(lesions):
    split = make_split(lesions.path)[0]
    assert np.array_equal(
        label_fraction(lesions, split, 0.25, 0), label_fraction(lesions, split, 0.25, 0)
    )
    assert not np.array_equal(
        label_fraction(lesions, split, 0.25, 0), label_fraction(lesions, split, 0.25, 1)
    )
    with pytest.raises(UserError, match=r"label fraction 1\.5 must be"):
        label_fraction(lesions, split, 1.5, 0)


def test_a_label_fraction_of_mixed_groups_still_has_every_class(tmp_path, dataset_of):
    labels = ["a", "b", "c"] * 12
    groups = [f"g{i // 3}" for i in range(36)]  # every group holds every class
    dataset = dataset_of(tmp_path / "data", labels, groups)
    split = make_split(dataset.path, val=0.2)[0]
    assert set(dataset.labels[label_fraction(dataset, split, 0.01, 0)]) == {0, 1, 2}
