import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from twinlens.data.class_subset import open_task
from twinlens.errors import UserError
from twinlens.evaluation.test_access import read_test_access
from twinlens.files import read_json
from twinlens.records.scores import Scores
from twinlens.requests.predictions import PredictionsRequest
from twinlens.study.planning.external_predictions import read_predictions, score


@pytest.fixture
def theirs(phantoms):
    """Random predictions of all images, and the data and split they are for."""
    data, split = open_task(phantoms)
    numbers = np.random.default_rng(0).dirichlet(np.ones(len(data.classes)), len(data.table))
    table = pd.DataFrame(numbers, columns=[f"p_{name}" for name in data.classes])
    return table.assign(id=data.table["id"]), data, split


def _score(phantoms, tmp_path, table, name="theirs.csv"):
    file = tmp_path / name
    table.to_csv(file, index=False) if name.endswith("csv") else table.to_parquet(file)
    log = tmp_path / "log"
    request = PredictionsRequest(phantoms, tmp_path / "run", file=str(file), test_access=log)
    return score(request), log


def test_a_file_is_scored_like_a_training(phantoms, tmp_path, theirs):
    table, data, split = theirs
    run, log = _score(phantoms, tmp_path, table.sample(frac=1, random_state=1))
    stored = pd.read_parquet(run / "predictions.parquet")
    assert stored["split"].value_counts().to_dict() == {
        part: len(split.rows[part]) for part in ("val", "test")
    }
    test = split.rows["test"]
    predicted = np.argmax(table.filter(like="p_").to_numpy()[test], axis=1)
    found = Scores.read(run / "metrics.json").test.metrics["balanced_accuracy"]
    assert found == pytest.approx(balanced_accuracy_score(data.labels[test], predicted))
    record = read_json(run / "run.json")
    assert record["kind"] == "predictions"
    assert "not known here" in record["data"]["notice"]
    assert [entry.by for entry in read_test_access(log)] == ["run"]


def test_validation_images_may_be_lacking_and_parquet_serves(phantoms, tmp_path, theirs):
    table, _, split = theirs
    run, _ = _score(phantoms, tmp_path, table.iloc[split.rows["test"]], "theirs.parquet")
    assert set(Scores.read(run / "metrics.json").parts) == {"test"}


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda t, _: t.drop(columns="id"), "lacks the column id: it needs id and p_"),
        (lambda t, _: t.drop(columns=t.columns[:2]), "lacks the columns p_"),
        (lambda t, s: t.drop(index=s.rows["test"][:2]), "lacks 2 of the .* test images"),
        (lambda t, s: t.drop(index=s.rows["val"][0]), "lacks 1 of the .* val images"),
        (lambda t, _: pd.concat([t, t.head(1)]), "has the image '.*' twice"),
        (lambda t, _: t.assign(**{t.columns[0]: 2.0}), "the probabilities of '.*' are no numbers"),
        (lambda t, _: t.assign(**{t.columns[0]: "high"}), "the probabilities of '.*' are no"),
    ],
)
def test_a_file_that_does_not_fit_is_a_sentence(phantoms, tmp_path, theirs, broken, sentence):
    table, _, split = theirs
    with pytest.raises(UserError, match=sentence):
        _score(phantoms, tmp_path, broken(table, split))
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "log").exists()


def test_a_file_that_is_not_there_or_damaged_is_a_sentence(tmp_path, theirs):
    with pytest.raises(UserError, match=r"none\.csv cannot be read"):
        read_predictions(tmp_path / "none.csv", *theirs[1:])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"cut\.parquet is damaged .*: make it again with the comm"):
        read_predictions(tmp_path / "cut.parquet", *theirs[1:])
