import pytest

from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.splitting.split import split


@pytest.fixture
def grown(tmp_path, dataset_of):
    """A data set before and after it grew, its split, and the extension."""
    before = dataset_of(tmp_path / "data", ["a", "b"] * 10)
    split(before.path, name="old")
    after = dataset_of(tmp_path / "data", ["a", "b"] * 15, grown_from=[before.hash])
    split(after.path, extend="old", name="new")
    split(after.path, name="other")
    return before, after


def trained_on(dataset, name):
    return {"data_hash": dataset.hash, "split_hash": open_split(dataset, name).hash}


def test_what_was_trained_on_the_same_split_or_on_one_that_it_extends_is_welcome(grown):
    before, after = grown
    new = open_split(after, "new")
    for dataset, name in ((before, "old"), (after, "old"), (after, "new")):
        provenance = trained_on(after, name) | {"data_hash": dataset.hash}
        refuse_other_split(after, new, provenance, what="model")


def test_another_split_of_the_same_images_is_refused_also_from_before_they_grew(grown):
    before, after = grown
    for dataset, trained, used in (
        (after, "other", "new"),
        (after, "new", "old"),
        (before, "old", "other"),
    ):
        provenance = trained_on(after, trained) | {"data_hash": dataset.hash}
        with pytest.raises(UserError, match=f"trained on another split .* than '{used}'"):
            refuse_other_split(after, open_split(after, used), provenance, what="model")


def test_another_split_is_found_however_far_back_it_lies(grown):
    _, after = grown
    far, near = trained_on(after, "other"), {"data_hash": "elsewhere", "split_hash": "x"}
    for provenance in (
        {"pretrained": near | {"origin": far}},
        near | {"origin": near | {"origin": far}},
    ):
        refuse_other_split(after, open_split(after, "other"), provenance, what="model")
        with pytest.raises(UserError, match="trained on another split"):
            refuse_other_split(after, open_split(after, "new"), provenance, what="model")


def test_other_images_are_no_concern(grown):
    _, after = grown
    provenance = trained_on(after, "other") | {"data_hash": "elsewhere"}
    refuse_other_split(after, open_split(after, "new"), provenance, what="model")


def test_what_a_pretraining_saw_follows_it():
    seen, unseen = ({"images": images} for images in ("all", "unlabelled"))
    assert "saw the validation and test images" in transductive(seen)
    assert transductive({"encoder": "resnet18", "pretrained": seen}) == transductive(seen)
    header = {"images": "1791", "transductive": True}
    assert transductive({"images": "unlabelled", "origin": header}) == transductive(seen)
    assert transductive({"pretrained": unseen | {"origin": header}}) == transductive(seen)
    assert transductive({"origin": header | {"transductive": False}}) is None
    assert transductive(unseen) is transductive({"pretrained": unseen}) is transductive({}) is None
