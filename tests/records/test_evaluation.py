import inspect
from pathlib import Path

from evaluated import store_evaluation
from twinlens.records import evaluation
from twinlens.records.base import Record
from twinlens.records.evaluation import EVALUATION, EvaluationRecord

DOCS = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"


def test_it_is_read_as_it_was_written(tmp_path):
    record = store_evaluation(tmp_path)
    assert EvaluationRecord.read(tmp_path / EVALUATION) == record
    assert record.metrics["accuracy"] == record.data[0].by_image.metrics["accuracy"].value
    of_class = record.data[1].by_image.per_class["BCC"].values()
    assert (of_class["recall"], of_class["support"]) == (None, 0)


def test_every_field_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    records = [of for of in vars(evaluation).values() if inspect.isclass(of)]
    fields = {
        name
        for of in records
        if issubclass(of, Record) and of.__module__ == evaluation.__name__
        for name in of.model_fields
    }
    assert {name for name in fields if f"`{name}`" not in text} == set()
