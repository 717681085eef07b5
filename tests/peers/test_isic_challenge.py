"""The file of predictions, scored by the ISIC challenge's own program."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from twinlens.evaluation.isic_csv import write_isic_csv
from twinlens.evaluation.scoring import score_predictions

# It uses what pandas deprecates or has renamed.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
CLASSES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]


def test_the_challenge_gives_our_scores(tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "applymap", pd.DataFrame.map, raising=False)  # its old name
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 300)
    p = random.dirichlet(np.ones(7), 300)
    p[np.arange(300), labels] += 0.2
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    names = [f"ISIC_{number:07}" for number in random.permutation(300)]
    table = pd.DataFrame({"id": [f"images/{name}.jpg" for name in names]})
    table = table.join(pd.DataFrame(p, columns=[f"p_{name}" for name in CLASSES]))
    write_isic_csv(tmp_path / "submission.csv", table, CLASSES)
    truth = pd.DataFrame(np.eye(7)[labels], index=names, columns=CLASSES)[sorted(CLASSES)]
    truth.to_csv(tmp_path / "truth.csv", index_label="image")
    challenge = import_module("isic_challenge_scoring.classification")
    theirs = challenge.ClassificationScore.from_file(
        tmp_path / "truth.csv",
        tmp_path / "submission.csv",
        target_metric=challenge.ClassificationMetric.BALANCED_ACCURACY,
    )
    ours = score_predictions(labels, p, CLASSES).metrics
    assert ours["balanced_accuracy"] == pytest.approx(theirs.overall)
    assert ours["macro_auc"] == pytest.approx(theirs.macro_average["auc"])
    assert ours["macro_average_precision"] == pytest.approx(theirs.macro_average["ap"])
