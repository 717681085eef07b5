import json

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS, metrics

CLASSES = ["a", "b", "c", "d"]


def one_hot(predicted):
    return np.eye(len(CLASSES))[predicted]


@pytest.mark.parametrize(
    ("true", "guessed"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 3], [0, 1, 3]),  # class c is absent
        ([0, 1, 3], [0, 1, 2, 3]),  # ... but predicted
        ([0, 1, 2, 3], [0, 1]),  # two classes are never predicted
        ([1], [1]),
        ([1], [0, 2]),
    ],
)
def test_equal_to_scikit_learn(true, guessed):
    random = np.random.default_rng(0)
    labels, predicted = random.choice(true, 200), random.choice(guessed, 200)
    found = metrics(labels, one_hot(predicted), CLASSES)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    for average in ("macro", "weighted"):
        expected = f1_score(labels, predicted, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    recalls = recall_score(labels, predicted, labels=np.unique(labels), average=None)
    assert found["balanced_accuracy"] == pytest.approx(recalls.mean())
    if set(guessed) <= set(true) != {1}:  # elsewhere scikit-learn warns
        assert found["balanced_accuracy"] == balanced_accuracy_score(labels, predicted)
    settings = {"labels": range(4), "average": None, "zero_division": 0}
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        by_class = [found["per_class"][c][name] for c in CLASSES]
        assert by_class == pytest.approx(score(labels, predicted, **settings))
    assert found["confusion"] == confusion_matrix(labels, predicted, labels=range(4)).tolist()
    assert [found["per_class"][c]["support"] for c in CLASSES] == [
        (labels == c).sum() for c in range(4)
    ]


def test_a_known_answer():
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]])
    found = metrics(np.array([0, 0, 1, 1]), probabilities, ["nevus", "melanoma"])
    assert found == {
        "accuracy": 0.75,
        "balanced_accuracy": 0.75,
        "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 2),
        "weighted_f1": pytest.approx((2 / 3 + 4 / 5) / 2),
        "per_class": {
            "nevus": {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2},
            "melanoma": {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": 0.8, "support": 2},
        },
        "confusion": [[1, 1], [0, 2]],
        "n": 4,
    }


def test_the_result_is_json_and_holds_every_metric():
    found = metrics(np.array([0, 1]), one_hot([0, 2]), CLASSES)
    assert json.loads(json.dumps(found)) == found
    assert all(0 <= found[name] <= 1 for name in METRICS)


@pytest.mark.parametrize(
    ("labels", "value", "words"),
    [
        ([0, -1, 1], 0.5, "1 of the 3 images to evaluate have no label"),
        ([0, 2, 1], np.nan, "not numbers for 3 of 3 images: its training diverged"),
        ([], 0.5, "no images to evaluate"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(labels, value, words):
    with pytest.raises(UserError, match=words):
        metrics(np.array(labels), np.full((len(labels), 4), value), CLASSES)
