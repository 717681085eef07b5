import pytest

from twinlens.errors import UserError
from twinlens.records.evaluation import EVALUATION
from twinlens.reporting.evaluation.load_evaluation import read_evaluation


def test_the_predictions_of_a_data_set_are_those_of_the_evaluated_images(evaluation):
    for data in evaluation.record.data:
        table = evaluation.predictions_of(data)
        assert len(table) == data.by_image.n
        assert set(table["split"]) == {data.part}


def test_a_damaged_evaluation_is_refused(evaluation, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_evaluation(tmp_path)
    evaluation.record.write(tmp_path / EVALUATION)
    (tmp_path / "predictions.parquet").write_text("no table")
    with pytest.raises(UserError, match=r"predictions.parquet is damaged .* --overwrite"):
        read_evaluation(tmp_path)
