import pytest

from twinlens.errors import UserError
from twinlens.records.weights import EncoderHeader, InitialWeights, Normalisation, TrainedOn

HEADER = EncoderHeader(
    version="0.1.0", encoder="resnet18", method="byol", epochs=3, kept="last", stopped=None,
    images=10, normalisation=Normalisation(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
    history=(TrainedOn(data_hash="ab", split_hash="cd", transductive=True),),
)  # fmt: skip


def test_a_header_is_read_as_it_was_written():
    assert EncoderHeader.parse_text(HEADER.model_dump_json(), "a.safetensors") == HEADER


def test_a_damaged_header_is_refused():
    with pytest.raises(UserError, match=r"a.safetensors.*'images'"):
        EncoderHeader.parse_text(HEADER.model_dump_json().replace("10", '"x"'), "a.safetensors")


def test_random_weights_have_no_file_and_no_history():
    assert InitialWeights(name="random").model_dump() == {
        "name": "random", "sha256": None, "matched": 0, "dropped": (), "origin": None,
        "history": (), "recognised": {},
    }  # fmt: skip
