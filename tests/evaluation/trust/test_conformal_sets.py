import numpy as np
import pytest

from twinlens.evaluation.trust.conformal import calibrate
from twinlens.evaluation.trust.conformal_sets import conformal_scores

CLASSES = ["a", "b", "c"]


def draw(count, seed):
    random = np.random.default_rng(seed)
    labels = random.choice(2, count)  # no image of the third class
    logits = random.normal(size=(count, 3))
    logits[np.arange(count), labels] += 1.5
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_and_size_count_each_group_once(by_class):
    predictor = calibrate(*draw(200, 0), np.arange(200), by_class=by_class)
    labels, p = draw(300, 1)
    groups = ["big"] * 100 + [f"g{i}" for i in range(200)]
    found = conformal_scores(predictor, labels, p, CLASSES, groups)
    sets = predictor.predict(p)
    right, share = sets[np.arange(300), labels], np.where(np.arange(300) < 100, 0.01, 1)
    assert found.coverage.value == pytest.approx(np.average(right, weights=share))
    assert found.coverage.low < found.coverage.value < found.coverage.high
    assert found.size.value == pytest.approx(np.average(sets.sum(axis=1), weights=share))
    assert found.single.value == pytest.approx(np.average(sets.sum(axis=1) == 1, weights=share))
    assert found.empty.value == pytest.approx(np.average(~sets.any(axis=1), weights=share))
    chosen = labels == 1
    assert found.of_class["b"].value == pytest.approx(
        np.average(right[chosen], weights=share[chosen])
    )
    assert found.of_class["c"].value is None
    assert found.always_included == (["c"] if by_class else [])
    assert (sum(found.calibration.values()), found.needed) == (200, 9)


def test_two_images_of_one_group():
    predictor = calibrate(*draw(2, 0), np.arange(2))
    found = conformal_scores(predictor, *draw(2, 1), CLASSES, ["g", "g"])
    assert (found.coverage.value, found.size.value) == (1, 3)
    assert found.coverage.low is None
    assert found.coverage.note
    assert found.always_included == CLASSES
