import pytest
from pydantic import ValidationError

from twinlens.errors import UserError
from twinlens.records.base import Record


class Point(Record):
    x: float
    name: str = ""


def test_a_record_is_read_as_it_was_written(tmp_path):
    Point(x=1 / 3, name="λ").write(tmp_path / "point.json")
    assert Point.read(tmp_path / "point.json") == Point(x=1 / 3, name="λ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"x": "far"}',
            "point.json is damaged, or written by another version.*'x'.*Make it again",
        ),
        ('{"x": 1, "y": 2}', "'y'.*extra inputs"),
        ("{}", "'x'.*required"),
        ("[]", "'its content'"),
        ("{", "is not valid JSON"),
        (None, "does not exist"),
    ],
)
def test_what_is_no_such_record_is_refused(tmp_path, text, message):
    path = tmp_path / "point.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        Point.read(path)


@pytest.mark.parametrize("x", [float("nan"), float("inf")])
def test_numbers_are_finite(x):
    with pytest.raises(ValidationError):
        Point(x=x)
