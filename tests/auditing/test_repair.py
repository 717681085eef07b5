import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinlens.auditing.leakage import find_leaks, part_of_each
from twinlens.auditing.repair import repair_sentence, repair_split, repairs
from twinlens.data.groups import merge_groups
from twinlens.data.splits import open_split, write_split
from twinlens.data.table import SPLITS
from twinlens.records.split import ImportedSplit

PLACES = [*SPLITS, None]


def links_between(*pairs):
    return pd.DataFrame(pairs, columns=["a", "b"], dtype="str")


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def split_of(dataset_of, tmp_path):
    """A function from (id, group, label, part) to a data set and its split."""

    def to_split(images):
        ids, groups, labels, parts = zip(*images, strict=True)
        folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "data"
        dataset = dataset_of(folder, labels, groups, ids)
        return dataset, write_split(folder, "imported", list(parts), ImportedSplit())

    return to_split


def images_of(text):
    """Return (id, group, label, part) of images a, b, ... from words such as ``px test``."""
    words = [image.split() for image in text.split(", ")]
    return [
        (name, group[0], None if group[1] == "-" else group[1], part)
        for name, (group, part) in zip("abcdefgh", words, strict=False)
    ]


def fixed_parts(dataset, split, links):
    fixed = repair_split(dataset, split, links)
    parts = part_of_each(dataset, fixed)
    return parts.astype(object).where(parts.notna(), None).tolist(), fixed.record.method


some_images = st.lists(
    st.tuples(
        st.sampled_from("pqrstu"), st.sampled_from(["x", "y", None]), st.sampled_from(PLACES)
    ),
    min_size=1,
    max_size=25,
).map(
    lambda images: [
        (f"i{number}", group, label, part if label or part is None else "unlabelled")
        for number, (group, label, part) in enumerate(images)
    ]
)
some_links = st.lists(st.tuples(st.integers(0, 26), st.integers(0, 26)), max_size=4)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
@given(images=some_images, pairs=some_links)
def test_a_repaired_split_leaks_no_more_and_is_the_same_elsewhere(split_of, images, pairs):
    dataset, split = split_of(images)
    links = links_between(*((f"i{a}", f"i{b}") for a, b in pairs))
    before, old_files = part_of_each(dataset, split), files_of(dataset.path / "splits")
    fixed = repair_split(dataset, split, links)
    made = fixed.record.method
    after, label = part_of_each(dataset, fixed), dataset.table["label"]

    assert not find_leaks(dataset, fixed, links).leaking
    together = merge_groups(dataset.table, links)
    sides = before.replace("unlabelled", "train")
    straddling = sides.groupby(together).transform("nunique") > 1
    assert after[~straddling].equals(before[~straddling])
    assert after[before.isna()].isna().all()
    assert after[label.isna()].dropna().isin(["unlabelled"]).all()
    assert after[label.notna() & before.notna()].notna().all()

    changed = (before != after) & before.notna() & after.notna()
    assert made.moved == (before + " to " + after)[changed].value_counts().to_dict()
    assert made.dropped == (before.notna() & after.isna()).sum()
    assert made.groups == together[straddling & before.notna()].nunique()
    assert made.groups == 0 or changed.any() or made.dropped

    assert fixed.name == "imported-fixed"
    assert open_split(dataset, fixed.name).hash == fixed.hash
    new_files = files_of(dataset.path / "splits")
    assert {name: new_files[name] for name in old_files} == old_files


def test_a_group_goes_to_the_side_that_has_most_of_it(split_of):
    images = (
        "px test, px test, px train, qx train, qx unlabelled, qx unlabelled, qx val, rx unlabelled"
    )
    parts, made = fixed_parts(*split_of(images_of(images)), links_between())
    assert parts == [
        "test", "test", "test", "train", "unlabelled", "unlabelled", "train", "unlabelled",
    ]  # fmt: skip
    assert (made.groups, made.dropped) == (2, 0)
    assert made.moved == {"train to test": 1, "val to train": 1}
    assert made.lost == {"val": ["x"]}


def test_of_equal_sides_train_comes_first_then_val(split_of):
    images = images_of("px test, px train, qx test, qx val, rx test, sx val, tx train")
    parts, _ = fixed_parts(*split_of(images), links_between(("e", "f"), ("f", "g")))
    assert parts == ["train", "train", "val", "val", "train", "train", "train"]


def test_an_image_without_a_label_is_dropped_from_test_and_unlabelled_beside_train(split_of):
    images = "px test, px test, p- unlabelled, qx train, qx train, q- unlabelled, qx val"
    parts, made = fixed_parts(*split_of(images_of(images)), links_between())
    assert parts == ["test", "test", None, "train", "train", "unlabelled", "train"]
    assert (made.groups, made.moved, made.dropped) == (2, {"val to train": 1}, 1)
    assert repair_sentence(made).endswith(
        "moved: 1 from val to train; images without a label dropped: 1. NO IMAGES LEFT in val: x."
    )


def test_a_repaired_split_says_what_was_made_under_a_name_of_its_own(split_of):
    dataset, split = split_of(images_of("px train, px test"))
    names = [repair_split(dataset, split, links_between()).name for _ in range(3)]
    assert names == ["imported-fixed", "imported-fixed-2", "imported-fixed-3"]
    fixed = open_split(dataset, "imported-fixed-3")
    assert fixed.record.method.repaired == "imported"
    assert fixed.record.method.hash == split.hash
    assert fixed.record.notes[0] == (
        "Groups moved to one side: 1; images moved: 1 from test to train; "
        "images without a label dropped: 0. NO IMAGES LEFT in test: x."
    )
    assert fixed.record.counts["train"] == {"x": 2}


def test_it_is_known_which_split_repairs_which(split_of):
    dataset, split = split_of(images_of("px train, px test"))
    assert repairs([split]) == {}
    fixed = repair_split(dataset, split, links_between())
    made = fixed.record.method
    reopened = open_split(dataset, fixed.name)
    assert (made.split, made.repaired, made.hash) == ("imported-fixed", "imported", split.hash)
    assert repairs([split, reopened]) == {"imported": made}
