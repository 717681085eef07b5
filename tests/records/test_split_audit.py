import pytest
from pydantic import ValidationError

from twinlens.records.split_audit import (
    CategoricalAttribute,
    NumericAttribute,
    PartComposition,
    PretrainingOverlap,
)


def test_numeric_and_categorical_attributes_are_told_apart_when_read():
    composition = PartComposition(
        images=2,
        classes={"x": 2},
        groups=1,
        largest_group=2,
        attributes={
            "age": NumericAttribute(mean=None, sd=None, missing=2),
            "sex": CategoricalAttribute(counts={"f": 1}, missing=1),
        },
    )
    assert PartComposition.model_validate_json(composition.model_dump_json()) == composition


def test_only_held_out_parts_can_have_been_seen():
    part = {"images": 1, "same": 0, "copies": 0}
    PretrainingOverlap(run="r", images=1, seen={"main": {"val": part, "test": part}})
    with pytest.raises(ValidationError, match="train"):
        PretrainingOverlap(run="r", images=1, seen={"main": {"train": part}})
