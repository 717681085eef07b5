import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.records.scores import Scores


def test_the_bundle_evaluated_again_gives_the_same_metrics(trained, phantoms, tmp_path):
    stored = Scores.read(trained / "metrics.json").test
    again = evaluate(trained / "model", phantoms, out=tmp_path / "out", device="cpu")
    assert again == stored
    assert Scores.read(tmp_path / "out" / "metrics.json") == Scores(parts={"test": stored})
    predictions = pd.read_parquet(trained / "predictions.parquet")
    test = predictions[predictions["split"] == "test"].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "predictions.parquet"), test)


def test_a_model_is_evaluated_only_on_data_that_fits_it(trained, phantoms, tmp_path):
    with pytest.raises(UserError, match=r"Unknown part of a split 'tests'.*test"):
        evaluate(trained / "model", phantoms, split="tests")
    with pytest.raises(UserError, match="Unknown split 'mine'"):
        evaluate(trained / "model", phantoms, split="mine:test")
    with pytest.raises(UserError, match="not a model bundle"):
        evaluate(tmp_path, phantoms)
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        evaluate(trained / "model", phantoms, tta=0)
