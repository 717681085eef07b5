import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.evaluation.trust.reliability import Knowledge, reliability

CLASSES = ["a", "b", "c"]


def predictions(count, prevalence, seed=0):
    """Return a table of predictions that are calibrated for classes of equal prevalence."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=prevalence)
    p = np.exp(3 * np.eye(3)[labels] + 1.7 * random.normal(size=(count, 3)))
    p /= p.sum(axis=1, keepdims=True)
    table = pd.DataFrame(p, columns=[f"p_{name}" for name in CLASSES])
    groups = [f"g{seed}-{i // 2}" for i in range(count)]
    return table.assign(label=np.array(CLASSES)[labels], group=groups)


EQUAL = np.full(3, 1 / 3)
KNOWN = Knowledge(CLASSES, predictions(1200, EQUAL, 1), None)


def test_everything_is_assessed():
    table = predictions(400, [0.8, 0.1, 0.1])
    sex = pd.Series(np.where(np.arange(400) % 4 < 2, "f", "m"))
    found = reliability(table, {"sex": sex}, KNOWN, prevalence={"c": 0.6})
    marginal, of_class = found.sets
    assert (marginal.by_class, of_class.by_class, marginal.wanted) == (False, True, 0.9)
    assert marginal.coverage.value > 0.8
    assert sum(marginal.calibration.values()) == 600  # one image of each group
    assert [s.value for s in found.subgroups.scores] == ["f", "m"]
    assert found.notes == []
    here, estimated, there = found.prevalences
    assert here.adapted["accuracy"] > here.unadapted["accuracy"]
    assert estimated.prevalence["a"] == pytest.approx(0.8, abs=0.08)
    assert estimated.estimates["a"].low < 0.8 < estimated.estimates["a"].high
    assert estimated.adapted["accuracy"] == pytest.approx(here.adapted["accuracy"], abs=0.03)
    assert there.prevalence["c"] == pytest.approx(0.6)
    assert sum(there.prevalence.values()) == pytest.approx(1)
    assert found.selective.errors[0].error.value == pytest.approx(1 - here.unadapted["accuracy"])


def test_a_temperature_is_applied_before():
    table = predictions(100, EQUAL)
    hot = Knowledge(CLASSES, KNOWN.validation, 5.0)
    ours, plain = reliability(table, {}, hot), reliability(table, {}, KNOWN)
    assert ours.selective.errors[0] == plain.selective.errors[0]
    assert ours.sets[0].size.value != plain.sets[0].size.value


def test_without_validation_images_the_rest_is_assessed():
    found = reliability(predictions(50, EQUAL), {}, Knowledge(CLASSES, None, None))
    assert (found.sets, found.prior) == ([], None)
    assert [case.adapted for case in found.prevalences] == [{}]
    assert len(found.notes) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_few_images_of_one_class_and_equal_predictions(count):
    table = predictions(count, [1, 0, 0]).assign(p_a=1 / 3, p_b=1 / 3, p_c=1 / 3, group="g")
    few = Knowledge(CLASSES, table, None)
    found = reliability(table, {"sex": pd.Series(["f"] * count)}, few)
    assert [sets.size.value for sets in found.sets] == [3, 3]
    assert found.selective.aurc.low is None
    assert found.prevalences[0].absent == []


def test_what_is_not_finite_is_refused():
    with pytest.raises(UserError, match="not finite for 5 of 5"):
        reliability(predictions(5, EQUAL).assign(p_a=np.nan), {}, KNOWN)
    with pytest.raises(UserError, match="not between 0 and 1"):
        reliability(predictions(5, EQUAL), {}, KNOWN, coverage=1.5)
