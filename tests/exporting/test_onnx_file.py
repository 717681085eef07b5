import json

import twinlens
from exported import SETS
from twinlens.exporting.onnx_file import metadata, read_metadata, session
from twinlens.models.bundle import read_info
from twinlens.records.bundle import PredictionSets


def test_the_file_says_what_its_users_must_know(onnx_file):
    about = session(onnx_file).get_modelmeta().custom_metadata_map
    assert about == read_metadata(onnx_file)
    assert json.loads(about["classes"]) == ["MEL", "NV", "BCC"]
    assert json.loads(about["class_titles"]) == ["Melanoma", "NV", "BCC"]
    assert (about["size"], about["temperature"]) == ("32", "1.7")
    assert PredictionSets.parse_text(about["prediction_sets"], "") == SETS
    assert about["twinlens_version"] == twinlens.__version__
    assert "centred square" in about["preprocessing"]
    assert "not a medical device" in about["limits"]


def test_any_number_of_images_goes_in(onnx_file):
    (images,), (probabilities,) = session(onnx_file).get_inputs(), session(onnx_file).get_outputs()
    assert (images.name, images.shape[1:]) == ("images", [3, 32, 32])
    assert (probabilities.name, probabilities.shape[1:]) == ("probabilities", [3])
    assert isinstance(images.shape[0], str)
    assert images.shape[0] == probabilities.shape[0]


def test_a_model_without_sets_says_null(small_model):
    assert metadata(read_info(small_model), None, None)["prediction_sets"] == "null"
