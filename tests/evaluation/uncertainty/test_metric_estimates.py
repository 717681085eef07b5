import numpy as np
import pytest
from sklearn import metrics as sklearns

from evaluated import CLASSES, predicted
from twinlens.evaluation.data_set_evaluation import arrays
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.uncertainty.metric_estimates import metric_estimates, resampled_metrics


@pytest.mark.parametrize("present", [3, 2])
def test_they_equal_scikit_learns_and_lie_in_their_intervals(present):
    labels, p, groups = arrays(predicted(120, present=present), CLASSES)
    found = metric_estimates(labels, p, CLASSES, groups, resampled_metrics(labels, p, groups))
    stored = score_predictions(labels, p, CLASSES)
    assert {name: e.value for name, e in found.metrics.items()} == pytest.approx(stored.metrics)
    assert found.confusion == stored.confusion
    assert (found.n, found.groups) == (120, 60)
    for estimate in found.metrics.values():
        assert estimate.low < estimate.value < estimate.high
    options = {"labels": range(3), "average": None, "zero_division": np.nan}
    guessed = p.argmax(axis=1)
    expected = {
        "precision": sklearns.precision_score(labels, guessed, **options),
        "recall": sklearns.recall_score(labels, guessed, **options),
        "f1": sklearns.f1_score(labels, guessed, **options),
        "auc": [sklearns.roc_auc_score(labels == c, p[:, c]) for c in range(present)],
        "average_precision": [
            sklearns.average_precision_score(labels == c, p[:, c]) for c in range(present)
        ],
    }
    for score, values in expected.items():
        by_class = [getattr(found.per_class[name], score) for name in CLASSES]
        for estimate, value in zip(by_class, values, strict=False):
            missing = estimate.value is None
            assert missing == bool(np.isnan(value))
            assert missing or estimate.value == pytest.approx(value)
        assert all(e.note for e in by_class if e.value is None)
    absent = found.per_class["BCC"]
    assert (absent.support == 0) == (absent.recall.value is None) == (present == 2)


def test_a_metric_without_weights_repeats_images(monkeypatch):
    labels, p, groups = arrays(predicted(40), CLASSES)
    expected = resampled_metrics(labels, p, groups)
    column = list(METRICS).index("top_2_accuracy")
    slow = type(METRICS["top_2_accuracy"])(
        "Top-2", "top-2", of_probabilities=METRICS["top_2_accuracy"].of_probabilities
    )
    monkeypatch.setitem(METRICS._loaded, "top_2_accuracy", slow)
    found = resampled_metrics(labels, p, groups)
    np.testing.assert_allclose(found.resamples[:, column], expected.resamples[:, column])
