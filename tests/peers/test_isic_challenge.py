"""The file of predictions, scored by the ISIC challenge's own program."""

from importlib import import_module

import pandas as pd
import pytest

from challenge_file import write_submission

# It uses what pandas deprecates or has renamed.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def test_the_challenge_gives_our_scores(tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "applymap", pd.DataFrame.map, raising=False)  # its old name
    truth, ours = write_submission(tmp_path / "submission.csv")
    truth.to_csv(tmp_path / "truth.csv", index_label="image")
    challenge = import_module("isic_challenge_scoring.classification")
    theirs = challenge.ClassificationScore.from_file(
        tmp_path / "truth.csv",
        tmp_path / "submission.csv",
        target_metric=challenge.ClassificationMetric.BALANCED_ACCURACY,
    )
    assert ours["balanced_accuracy"] == pytest.approx(theirs.overall)
    assert ours["macro_auc"] == pytest.approx(theirs.macro_average["auc"])
    assert ours["macro_average_precision"] == pytest.approx(theirs.macro_average["ap"])
