import numpy as np
import pandas as pd
import pytest

from twinlens.evaluation.data_set_evaluation import Chooser
from twinlens.evaluation.trust.conformal import calibrate
from twinlens.evaluation.trust.prediction_sets import fit_prediction_sets
from twinlens.inference.prediction_sets import sets_of
from twinlens.inference.temperature import scaled
from twinlens.records.bundle import PredictionSets

CLASSES = ["MEL", "NV", "BCC"]


def draw(count, seed):
    """Return labels, the last class rare, and probabilities that are often right."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=[0.5, 0.45, 0.05])
    logits = random.normal(size=(count, 3))
    logits[np.arange(count), labels] += 1
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True)


def chooser(labels, p, groups, temperature):
    table = pd.DataFrame(p, columns=[f"p_{name}" for name in CLASSES])
    table["label"], table["group"] = np.array(CLASSES)[labels], groups
    return Chooser(table, temperature, "")


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("temperature", [None, 1.7])
def test_the_sets_are_those_of_crepes(coverage, by_class, temperature, tmp_path):
    labels, p = draw(90, 0)
    groups = [f"g{n // 2}" for n in range(90)]
    of_model = chooser(labels, p, groups, temperature)
    fit_prediction_sets(of_model, CLASSES, coverage=coverage).write(tmp_path / "sets.json")
    thresholds = PredictionSets.read(tmp_path / "sets.json")
    assert thresholds.images == 45
    t = temperature or 1.0
    reference = calibrate(
        labels, scaled(p, t), np.arange(90) // 2, coverage=coverage, by_class=by_class
    )
    new = scaled(np.concatenate([draw(200, 1)[1], p]), t)  # of the last some are on the threshold
    found = sets_of(thresholds, CLASSES, new, by_class=by_class)
    np.testing.assert_array_equal(found, reference.predict(new))
    assert 0 < found.mean() < 1
    if by_class and coverage == 0.9:
        assert thresholds.by_class["BCC"] is None
        assert found[:, 2].all()


def test_too_few_or_no_validation_images():
    labels, p = draw(8, 0)
    few = fit_prediction_sets(chooser(labels, p, [*"abcdefgh"], None), CLASSES)
    assert few.threshold is None
    assert sets_of(few, CLASSES, p).all()
    assert fit_prediction_sets(Chooser(None, 1.3, ""), CLASSES) is None
