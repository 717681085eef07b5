import pytest
from pydantic import ValidationError

from twinlens.records.dataset import ClassInfo, DatasetRecord, SourceRecord


@pytest.mark.parametrize("colour", ["", "#8a5a33", "#ABCDEF"])
def test_a_colour_is_six_hexadecimal_digits(colour):
    assert ClassInfo(colour=colour).colour == colour


@pytest.mark.parametrize("colour", ["red", "#fff", "8a5a33", None])
def test_another_colour_is_refused(colour):
    with pytest.raises(ValidationError, match="#rrggbb"):
        ClassInfo(colour=colour)


def test_a_class_has_a_name_of_its_own():
    with pytest.raises(ValidationError, match="a name stands there twice"):
        DatasetRecord(size=8, classes=["mel", "mel"], hash="1", images=3, skipped=1)


def test_a_data_set_is_read_as_it_was_written(tmp_path):
    record = DatasetRecord(
        size=8,
        classes=["mel", "nv"],
        class_info={"mel": ClassInfo(title="melanoma")},
        sources=[SourceRecord(name="a", kind="csv", path="a.csv")],
        hash="1",
        images=3,
        skipped=1,
    )
    record.write(tmp_path / "dataset.json")
    assert DatasetRecord.read(tmp_path / "dataset.json") == record
