import numpy as np
import pytest

from twinlens.auditing.composition import MAX_CATEGORIES, describe_parts
from twinlens.data.splits import NO_LABEL, write_split
from twinlens.data.table import SPLITS
from twinlens.records.split import ImportedSplit
from twinlens.records.split_audit import CategoricalAttribute, NumericAttribute, PartComposition

PARTS = ["train"] * 20 + ["val"] * 10 + ["test"] * 8 + ["unlabelled"] * 20 + [None] * 2


@pytest.fixture
def found(dataset_of, tmp_path):
    count = len(PARTS)
    labels = ["x", "y"] * (count // 2)
    labels[40] = None
    groups = [f"g{n // 3}" for n in range(count)]
    dataset = dataset_of(
        tmp_path / "data",
        labels,
        groups,
        age=[30.0, 50.0] * 15 + [np.nan] * 8 + [70.0] * 22,
        sex=["f", None, "m"] * (count // 3),
        lost=[np.nan] * count,
        unsaid=[None] * count,
        mark=[f"m{n}" for n in range(count)],
        site=[f"s{n % MAX_CATEGORIES}" for n in range(count)],
        smoker=[True, True, False, True] * (count // 4),
    )
    return describe_parts(dataset, write_split(dataset.path, "by-hand", PARTS, ImportedSplit()))


def test_counts_add_up(found):
    assert list(found) == list(SPLITS)
    assert {part: found[part].images for part in SPLITS} == {
        "train": 20, "val": 10, "test": 8, "unlabelled": 20,
    }  # fmt: skip
    for part in found.values():
        assert sum(part.classes.values()) == part.images
        for described in part.attributes.values():
            if isinstance(described, CategoricalAttribute):
                assert sum(described.counts.values()) + described.missing == part.images
    assert found["unlabelled"].classes == {"x": 9, "y": 10, NO_LABEL: 1}
    assert found["test"].classes == {"x": 4, "y": 4}


def test_groups_are_counted_within_a_part(found):
    assert (found["train"].groups, found["train"].largest_group) == (7, 3)
    assert (found["test"].groups, found["test"].largest_group) == (3, 3)


def test_numbers_have_a_mean_and_text_has_counts(found):
    train, val, test = (found[part].attributes for part in ("train", "val", "test"))
    assert train["age"] == NumericAttribute(mean=40, sd=10, missing=0)
    assert test["age"] == NumericAttribute(mean=None, sd=None, missing=8)
    assert val["sex"] == CategoricalAttribute(counts={"f": 3, "m": 4}, missing=3)
    assert train["smoker"].mean == 0.75


def test_identifiers_and_what_nobody_knows_are_left_out(found):
    for part in found.values():
        assert set(part.attributes) == {"age", "sex", "site", "smoker"}


def test_an_empty_part_is_described(dataset_of, tmp_path):
    dataset = dataset_of(tmp_path / "data", ["x", "y"], age=[1.0, 2.0], sex=["f", "m"])
    split = write_split(dataset.path, "by-hand", ["train", "train"], ImportedSplit())
    assert describe_parts(dataset, split)["test"] == PartComposition(
        images=0,
        classes={"x": 0, "y": 0},
        groups=0,
        largest_group=0,
        attributes={
            "age": NumericAttribute(mean=None, sd=None, missing=0),
            "sex": CategoricalAttribute(counts={}, missing=0),
        },
    )
