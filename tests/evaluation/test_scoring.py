import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score
from sklearn.metrics import f1_score as f1

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.scoring import score_predictions
from twinlens.records.scores import ClassScores, PartScores

CLASSES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("guessed", [[0, 1, 2, 3], [0, 1], [2]])
def test_scores_of_each_class_are_scikit_learns(guessed):
    random = np.random.default_rng(0)
    labels, predicted = random.choice([0, 1, 3], 200), random.choice(guessed, 200)
    scores = score_predictions(labels, np.eye(4)[predicted], CLASSES)
    settings = {"labels": range(4), "average": None, "zero_division": 0}
    for name, expected in (("precision", precision_score), ("recall", recall_score), ("f1", f1)):
        by_class = [getattr(scores.per_class[c], name) for c in CLASSES]
        assert by_class == pytest.approx(expected(labels, predicted, **settings))
    assert scores.confusion == confusion_matrix(labels, predicted, labels=range(4)).tolist()
    assert [of.support for of in scores.per_class.values()] == np.bincount(labels).tolist()
    assert list(scores.metrics) == list(METRICS)


def test_a_known_answer():
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]])
    f1 = (2 / 3 + 4 / 5) / 2
    metrics = {"accuracy": 0.75, "balanced_accuracy": 0.75, "macro_f1": f1, "weighted_f1": f1}
    metrics |= {"cohen_kappa": 0.5, "mcc": 3**-0.5, "top_2_accuracy": 1.0, "macro_auc": 0.75}
    metrics["macro_average_precision"] = (5 / 6 + 5 / 6) / 2
    scores = score_predictions(np.array([0, 0, 1, 1]), probabilities, ["a", "b"])
    assert scores.metrics == pytest.approx(metrics)
    assert scores == PartScores(
        n=4,
        metrics=scores.metrics,
        per_class={
            "a": ClassScores(precision=1.0, recall=0.5, f1=2 / 3, support=2),
            "b": ClassScores(precision=2 / 3, recall=1.0, f1=0.8, support=2),
        },
        confusion=[[1, 1], [0, 2]],
    )


@pytest.mark.parametrize(
    ("labels", "value", "words"),
    [
        ([0, -1, 1], 0.5, "1 of the 3 images to evaluate have no label"),
        ([0, 2, 1], np.nan, "not finite for 3 of 3 images: its training diverged"),
        ([], 0.5, "no images to evaluate"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(labels, value, words):
    with pytest.raises(UserError, match=words):
        score_predictions(np.array(labels, dtype=int), np.full((len(labels), 4), value), CLASSES)


def test_what_these_images_do_not_define_is_left_out():
    scores = score_predictions(np.zeros(3, dtype=int), np.full((3, 2), 0.5), ["a", "b"])
    assert set(METRICS) - set(scores.metrics) == {
        "cohen_kappa", "macro_auc", "macro_average_precision"
    }  # fmt: skip
