import numpy as np
import pytest
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score, roc_curve

from twinlens.errors import UserError
from twinlens.evaluation.probabilities.binary import (
    TARGETS,
    Answers,
    Positive,
    binary_evaluation,
    positive_side,
    threshold_for,
)
from twinlens.records.dataset import ClassInfo

CLASSES = ["NV", "MEL", "BCC"]
INFO = {"MEL": ClassInfo(group="malignant"), "BCC": ClassInfo(group="malignant")}
MALIGNANT = Positive("malignant", (1, 2))


def _drawn(images=200, seed=0):
    random = np.random.default_rng(seed)
    wanted = np.repeat(random.random(images // 2) < 0.3, 2)
    scores = 1 / (1 + np.exp(-random.standard_normal(images) - 2 * wanted + 1))
    return Answers(wanted, scores)


def _evaluated(test, val=None):
    groups = [f"{number // 2:03}" for number in range(len(test.wanted))]
    return binary_evaluation(MALIGNANT, CLASSES, test, val, groups)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, MALIGNANT),
        ("malignant", MALIGNANT),
        ("MEL, BCC", Positive("MEL + BCC", (1, 2))),
        ("BCC", Positive("BCC", (2,))),
    ],
)
def test_the_positive_side_is_a_group_or_named_classes(asked, expected):
    assert positive_side(asked, CLASSES, INFO) == expected


def test_without_a_malignant_group_or_with_nothing_else_there_is_no_binary_task():
    assert positive_side(None, CLASSES, {}) is None
    assert positive_side(None, ["MEL", "BCC"], INFO) is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [("MEL,SCC", "Unknown class or group of classes 'SCC'"), ("NV,MEL,BCC", "names all classes")],
)
def test_a_side_that_is_none_is_refused(asked, words):
    with pytest.raises(UserError, match=words):
        positive_side(asked, CLASSES, INFO)


def test_areas_and_operating_points_are_scikit_learns():
    test = _drawn()
    found = _evaluated(test)
    assert found.auc.value == pytest.approx(roc_auc_score(test.wanted, test.scores))
    assert found.auc.low < found.auc.value < found.auc.high
    precision = average_precision_score(test.wanted, test.scores)
    assert found.average_precision.value == pytest.approx(precision)
    x, y, _ = roc_curve(test.wanted, test.scores, drop_intermediate=False)
    expected = [1 - x[y >= at].min() for at in TARGETS]
    expected += [y[1 - x >= at - 1e-12].max() for at in TARGETS]
    assert [point.other.value for point in found.points] == pytest.approx(expected)
    assert {point.threshold for point in found.points} == {None}


def test_a_threshold_of_validation_images_reaches_its_target_there_and_is_applied_to_others():
    test, val = _drawn(), _drawn(seed=1)
    for point in _evaluated(test, val).points:
        of_val = {
            "sensitivity": recall_score(val.wanted, val.scores >= point.threshold),
            "specificity": recall_score(~val.wanted, val.scores < point.threshold),
        }
        assert of_val[point.fixed] >= point.target
        stricter = {"sensitivity": 1, "specificity": -1}[point.fixed]
        step = np.sort(val.scores)[:: 1 if stricter > 0 else -1]
        beyond = step[stricter * step > stricter * point.threshold][0] + stricter * 1e-9
        side = val.wanted if point.fixed == "sensitivity" else ~val.wanted
        right = (val.scores >= beyond) == (point.fixed == "sensitivity")
        assert right[side].mean() <= of_val[point.fixed]
        flagged = test.scores >= point.threshold
        assert point.sensitivity.value == pytest.approx(recall_score(test.wanted, flagged))
        assert point.specificity.value == pytest.approx(recall_score(~test.wanted, ~flagged))


def test_the_threshold_lies_between_the_two_images_that_it_separates():
    answers = Answers(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.6, 0.9]))
    assert threshold_for(answers, "sensitivity", 0.5) == pytest.approx(0.75)
    assert threshold_for(answers, "sensitivity", 1.0) == pytest.approx(0.25)
    assert threshold_for(answers, "specificity", 0.5) == pytest.approx(0.25)
    assert threshold_for(answers, "specificity", 1.0) == pytest.approx(0.75)
    everything = Answers(np.array([True, False]), np.array([0.2, 0.8]))
    assert threshold_for(everything, "sensitivity", 1.0) == 0.2
    assert threshold_for(everything, "specificity", 1.0) > 0.8


def test_net_benefit_follows_its_formula():
    test = _drawn()
    for row in _evaluated(test).net_benefit:
        odds, flagged = row.threshold / (1 - row.threshold), test.scores >= row.threshold
        true, false = (flagged & test.wanted).mean(), (flagged & ~test.wanted).mean()
        assert row.model.value == pytest.approx(true - odds * false)
        assert row.treat_all == pytest.approx(test.wanted.mean() - odds * (~test.wanted).mean())


@pytest.mark.parametrize("wanted", [True, False])
def test_one_side_alone_is_said(wanted):
    test = Answers(np.full(10, wanted), np.linspace(0.1, 0.9, 10))
    found = _evaluated(test, test)
    assert f"no {'negative' if wanted else 'positive'} image" in found.note
    assert found.auc.value is None
    assert "undefined" in found.auc.note
    assert {point.threshold for point in found.points} == {None}
