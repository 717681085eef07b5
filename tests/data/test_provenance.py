import pytest

from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.records.weights import TrainedOn
from twinlens.splitting.split import split


@pytest.fixture
def grown(tmp_path, dataset_of):
    """A data set before and after it grew, its split, and the extension."""
    before = dataset_of(tmp_path / "data", ["a", "b"] * 10)
    split(before.path, name="old")
    after = dataset_of(tmp_path / "data", ["a", "b"] * 15, previous_hashes=[before.hash])
    split(after.path, extend="old", name="new")
    split(after.path, name="other")
    return before, after


def trained_on(dataset, name):
    return TrainedOn(data_hash=dataset.hash, split_hash=open_split(dataset, name).hash)


FAR = TrainedOn(data_hash="elsewhere", split_hash="x")


def test_what_was_trained_on_the_same_split_or_on_one_that_it_extends_is_welcome(grown):
    before, after = grown
    new = open_split(after, "new")
    for dataset, name in ((before, "old"), (after, "old"), (after, "new")):
        training = trained_on(after, name).model_copy(update={"data_hash": dataset.hash})
        refuse_other_split(after, new, [training], what="model")


def test_another_split_of_the_same_images_is_refused_also_from_before_they_grew(grown):
    before, after = grown
    for dataset, trained, used in (
        (after, "other", "new"),
        (after, "new", "old"),
        (before, "old", "other"),
    ):
        training = trained_on(after, trained).model_copy(update={"data_hash": dataset.hash})
        with pytest.raises(UserError, match=f"trained on another split .* than '{used}'"):
            refuse_other_split(after, open_split(after, used), [training], what="model")


def test_another_split_is_found_however_far_back_it_lies(grown):
    _, after = grown
    history = (FAR, FAR, trained_on(after, "other"))
    refuse_other_split(after, open_split(after, "other"), history, what="model")
    with pytest.raises(UserError, match="trained on another split"):
        refuse_other_split(after, open_split(after, "new"), history, what="model")


def test_other_images_are_no_concern(grown):
    _, after = grown
    training = trained_on(after, "other").model_copy(update={"data_hash": "elsewhere"})
    refuse_other_split(after, open_split(after, "new"), [training], what="model")


def test_any_transductive_training_gives_a_notice():
    seen = FAR.model_copy(update={"transductive": True})
    for history in ([seen], [seen, FAR], [FAR, seen]):
        assert "saw the validation and test images" in transductive(history)
    assert transductive([FAR]) is transductive([]) is None
