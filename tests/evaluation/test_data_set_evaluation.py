import numpy as np
import pandas as pd
import pytest

from evaluated import CLASSES, DEGENERATE, INFO, predicted
from twinlens.errors import UserError
from twinlens.evaluation.data_set_evaluation import choose, measure
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.evaluation.scoring import score_predictions
from twinlens.records.evaluation import Estimate, MetricEstimates

COLUMNS = [f"p_{name}" for name in CLASSES]
POSITIVE = positive_side(None, CLASSES, INFO)
VAL = predicted(60, seed=1, part="val")


def _measured(table, val=VAL):
    return measure(table, CLASSES, POSITIVE, choose(val, CLASSES))


def test_groups_average_the_probabilities_of_their_images():
    table = predicted(80)
    found = _measured(table).by_group
    means = table.groupby(["group", "label"])[COLUMNS].mean()
    labels = np.array([CLASSES.index(label) for _, label in means.index])
    expected = score_predictions(labels, means.to_numpy(), CLASSES)
    assert {name: e.value for name, e in found.metrics.items()} == pytest.approx(expected.metrics)
    assert (found.n, found.groups) == (40, 40)


def test_single_images_have_no_scores_by_group():
    table = predicted(80)
    assert _measured(table.assign(group=table["id"])).by_group is None


def test_validation_images_choose_temperature_and_thresholds():
    found = _measured(predicted(80))
    assert found.calibration.temperature > 1
    assert "fitted on 60 validation images" in found.calibration.note
    assert all(point.threshold is not None for point in found.binary.points)
    without = _measured(predicted(80), None)
    assert without.calibration.temperature is None
    assert "no predictions of validation images" in without.calibration.note
    carried = choose(None, CLASSES, 1.7)
    assert (carried.temperature, carried.note[:15]) == (1.7, "The temperature")


def _estimates(found):
    """Every estimate of a set of images, by image."""
    scores: MetricEstimates = found.by_image
    yield from scores.metrics.values()
    for of_class in scores.per_class.values():
        yield from (value for _, value in of_class if isinstance(value, Estimate))
    yield from (found.binary.auc, found.binary.average_precision)
    before = found.calibration.before
    yield from (before.ece, before.classwise_ece, before.brier, before.log_loss)


@pytest.mark.parametrize("table", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("val", [VAL, None, predicted(3, seed=1, present=1)])
def test_whatever_the_images_there_is_a_number_or_a_sentence(table, val):
    for estimate in _estimates(_measured(table, val)):
        assert (estimate.value is not None and estimate.low is not None) or estimate.note
        if estimate.value is not None:
            assert np.isfinite(estimate.value)
        if estimate.low is not None:
            assert estimate.low < estimate.high


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p_MEL": np.nan}, "not finite for 4 of 4 images"),
        ({"label": "SCC"}, "4 of the 4 images to evaluate have no label"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(change, words):
    with pytest.raises(UserError, match=words):
        _measured(predicted(4).assign(**change))
    with pytest.raises(UserError, match="no images to evaluate"):
        _measured(pd.DataFrame(predicted(2)[:0]))
