import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.pretraining.seen_images import (
    SEEN,
    describe_images,
    look_for_seen,
    read_seen,
    recognised,
)
from twinlens.records.weights import InitialWeights, TrainedOn

PRETRAINED = InitialWeights(name="file", history=(TrainedOn(data_hash="?", split_hash="s"),))


@pytest.fixture
def pretrained(two_sizes, tmp_path):
    """A folder beside whose encoder the hashes of all images of the smaller data set lie."""
    data = open_dataset(two_sizes[0])
    describe_images(data, np.arange(len(data.table))).to_parquet(tmp_path / SEEN)
    history = (TrainedOn(data_hash=data.hash, split_hash="s"),)
    return tmp_path, PRETRAINED.model_copy(update={"history": history})


def test_exactly_the_photographs_that_both_have_are_recognised(two_sizes, pretrained):
    larger, seen = open_dataset(two_sizes[1]), read_seen(pretrained[0])
    assert seen["id"].tolist() == open_dataset(two_sizes[0]).table["id"].tolist()
    found = recognised(larger, np.arange(100), seen)
    assert found.tolist() == [True] * 60 + [False] * 40


def test_held_out_images_that_were_seen_are_said_and_make_weights_transductive(
    two_sizes, pretrained, capsys
):
    folder, initial = pretrained
    larger = open_dataset(two_sizes[1])
    found = look_for_seen(initial, folder, larger, open_split(larger))
    assert found.recognised == {"val": 0, "test": 20}
    assert found.history[0].transductive
    said = capsys.readouterr().err
    assert "saw 0 of the 20 validation and 20 of the 40 test images, perhaps at another" in said


def test_other_weights_and_those_of_the_same_data_set_are_left_as_they_are(
    two_sizes, pretrained, tmp_path_factory, capsys
):
    folder, initial = pretrained
    smaller, larger = map(open_dataset, two_sizes)
    unknown = tmp_path_factory.mktemp("without hashes")
    for weights, place, data in (
        (initial, folder, smaller),
        (initial, unknown, larger),
        (InitialWeights(name="random"), folder, larger),
    ):
        assert look_for_seen(weights, place, data, open_split(data)) == weights
    assert not capsys.readouterr().err


def test_a_damaged_table_is_a_sentence(tmp_path):
    assert read_seen(tmp_path) is None
    (tmp_path / SEEN).write_text("nothing")
    with pytest.raises(UserError, match=r"seen_images.parquet is damaged .*: restore it, or"):
        read_seen(tmp_path)
