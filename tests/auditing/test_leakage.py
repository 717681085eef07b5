import pandas as pd
import pytest

from twinlens.auditing.leakage import find_leaks, part_of_each
from twinlens.data.splits import write_split
from twinlens.records.split import ImportedSplit
from twinlens.records.split_audit import Contamination, StraddlingGroup

NONE = pd.DataFrame({"a": [], "b": [], "found_by": []}, dtype="str")


def links_between(*pairs):
    return pd.DataFrame(pairs, columns=["a", "b"], dtype="str").assign(found_by="hash")


@pytest.fixture
def split_of(dataset_of, tmp_path):
    """A function from (id, group, part) to a data set and its split."""

    def to_split(*images):
        ids, groups, parts = zip(*images, strict=True)
        dataset = dataset_of(tmp_path / "data", ["x"] * len(ids), groups, ids)
        return dataset, write_split(dataset.path, "by-hand", list(parts), ImportedSplit())

    return to_split


@pytest.fixture
def toy(split_of):
    return split_of(
        ("a", "p", "train"),
        ("b", "p", "test"),
        ("c", "q", "unlabelled"),
        ("d", "q", "test"),
        ("e", "r", "val"),
        ("f", "r", "test"),
        ("g", "s", "test"),
        ("h", "t", "train"),
        ("i", "t", "unlabelled"),
        ("j", "u", "test"),
        ("k", "u", None),
        ("l", "v", "val"),
    )


def test_the_part_of_each_image_is_known(toy):
    parts = part_of_each(*toy)
    assert parts[:3].tolist() == ["train", "test", "unlabelled"]
    assert parts.isna().tolist() == [False] * 10 + [True, False]


def test_groups_on_two_sides_are_listed_with_their_images(toy):
    found = find_leaks(*toy, NONE)
    assert found.leaking is True
    assert found.groups == [
        StraddlingGroup(group="p", images={"test": ["b"], "train": ["a"]}),
        StraddlingGroup(group="q", images={"test": ["d"], "unlabelled": ["c"]}),
        StraddlingGroup(group="r", images={"test": ["f"], "val": ["e"]}),
    ]
    assert found.links == []


def test_shares_of_images_that_training_knows_are_those_counted_by_hand(toy):
    known = find_leaks(*toy, NONE).contamination
    assert known["test"] == Contamination(train=1 / 5, unlabelled=1 / 5, any=2 / 5)  # b; d; both
    assert known["val"] == Contamination(train=0.0, unlabelled=0.0, any=0.0)
    known = find_leaks(*toy, links_between(("g", "h"), ("l", "c"))).contamination
    assert known["test"] == Contamination(train=2 / 5, unlabelled=2 / 5, any=3 / 5)  # g, by h and i
    assert known["val"] == Contamination(train=0.0, unlabelled=1 / 2, any=1 / 2)


def test_links_between_two_sides_are_numbered(toy):
    links = links_between(
        ("h", "a"), ("a", "c"), ("g", "h"), ("j", "k"), ("g", "j"), ("l", "j"), ("a", "unheard of")
    )
    assert find_leaks(*toy, links).links == [2, 5]


def test_train_and_unlabelled_are_one_side(split_of):
    images = ("a", "p", "train"), ("b", "p", "unlabelled"), ("c", "q", "unlabelled")
    found = find_leaks(*split_of(*images, ("d", "r", "test")), links_between(("a", "c")))
    assert found.leaking is False
    assert found.groups == found.links == []


def test_images_outside_the_split_do_not_count(split_of):
    images = ("a", "p", "train"), ("b", "p", None), ("c", "q", "test"), ("d", "r", None)
    found = find_leaks(*split_of(*images), links_between(("c", "d")))
    assert found.leaking is False
    assert found.groups == found.links == []
    assert found.contamination["test"].any == 0


def test_a_sibling_of_a_linked_image_leaks(split_of):
    images = ("a", "p", "train"), ("b", "q", None), ("c", "q", "test"), ("d", "r", "test")
    found = find_leaks(*split_of(*images), links_between(("a", "b")))
    assert found.leaking is True
    assert found.contamination["test"] == Contamination(train=0.5, unlabelled=0.0, any=0.5)


def test_an_empty_part_has_no_share(split_of):
    found = find_leaks(*split_of(("a", "p", "train"), ("b", "q", None)), NONE)
    assert found.contamination["test"] == Contamination(train=0.0, unlabelled=0.0, any=0.0)
    assert found.leaking is False
