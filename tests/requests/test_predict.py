from twinlens.requests.base import validated
from twinlens.requests.predict import PredictRequest


def test_images_are_named_one_by_one():
    request = validated(PredictRequest("best", ["a.png", "b.png"]))
    assert request.images == ("a.png", "b.png")
    assert request.command_line() == "twinlens predict best a.png b.png"
    assert PredictRequest("best", "photos").command_line() == "twinlens predict best photos"
