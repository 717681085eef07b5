import pytest

from twinlens.errors import UserError
from twinlens.requests.base import validated
from twinlens.requests.predictions import PredictionsRequest


def test_the_types_of_its_values_are_checked():
    request = validated(PredictionsRequest("d", "o", file="x.csv", classes=["a", "b"]))
    assert request.classes == ("a", "b")
    with pytest.raises(UserError, match="seed is wrong"):
        validated(PredictionsRequest("d", "o", file="x.csv", seed="one"))
