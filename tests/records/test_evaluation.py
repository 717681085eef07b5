from evaluated import store_evaluation
from twinlens.records.evaluation import EVALUATION, EvaluationRecord


def test_it_is_read_as_it_was_written(tmp_path):
    record = store_evaluation(tmp_path)
    assert EvaluationRecord.read(tmp_path / EVALUATION) == record
    assert record.metrics["accuracy"] == record.data[0].by_image.metrics["accuracy"].value
    of_class = record.data[1].by_image.per_class["BCC"].values()
    assert (of_class["recall"], of_class["support"]) == (None, 0)
