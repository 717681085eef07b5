import io

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from challenge_file import write_submission
from twinlens.errors import UserError
from twinlens.evaluation.isic_csv import write_isic_csv


def _challenge_scores(truth, submission):
    """The scoring of isic-challenge-scoring, written out: balanced accuracy, mean AUC, mean AP."""
    assert "image" in submission
    submission["image"] = submission["image"].str.replace(r"\.jpg$", "", case=False, regex=True)
    assert submission["image"].is_unique
    submission = submission.set_index("image")
    assert set(submission) == set(truth)
    submission = submission.reindex(truth.columns, axis="columns").sort_index()
    truth = truth.sort_index()
    assert submission.index.equals(truth.index)
    assert submission.notna().all(axis=None)
    assert ((submission >= 0) & (submission <= 1)).all(axis=None)
    assert set(submission.dtypes) == {np.dtype(float)}
    labels, guessed = (table.idxmax(axis="columns") for table in (truth, submission))
    undecided = submission.eq(submission.max(axis="columns"), axis="rows").sum(axis="columns") > 1
    guessed[undecided] = "undecided"
    counts = confusion_matrix(labels, guessed, labels=truth.columns)
    frequencies = labels.value_counts().reindex(truth.columns)
    return (
        float((counts.diagonal() / frequencies).mean()),
        float(np.mean([roc_auc_score(truth[c], submission[c]) for c in truth])),
        float(np.mean([average_precision_score(truth[c], submission[c]) for c in truth])),
    )


def test_the_challenge_gives_the_file_our_own_scores(tmp_path):
    truth, ours = write_submission(tmp_path / "submission.csv")
    submission = pd.read_csv(io.StringIO((tmp_path / "submission.csv").read_text()))
    names = ("balanced_accuracy", "macro_auc", "macro_average_precision")
    assert [ours[name] for name in names] == pytest.approx(_challenge_scores(truth, submission))


def test_an_id_without_a_suffix_is_kept_and_two_alike_are_refused(tmp_path):
    table = pd.DataFrame({"id": ["ISIC_1", "v1.2", "b/c.PNG"], "p_a": [0.1, 0.2, 0.3]})
    write_isic_csv(tmp_path / "s.csv", table, ["a"])
    assert pd.read_csv(tmp_path / "s.csv")["image"].tolist() == ["ISIC_1", "v1.2", "c"]
    table = pd.DataFrame({"id": ["a/x.jpg", "b/x.jpg"], "p_a": [0.1, 0.2]})
    with pytest.raises(UserError, match="Two images are called 'x'"):
        write_isic_csv(tmp_path / "t.csv", table, ["a"])
    assert not (tmp_path / "t.csv").exists()
