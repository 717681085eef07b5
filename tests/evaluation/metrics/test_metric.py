import numpy as np
import pytest

from twinlens.evaluation import metrics
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.metrics.metric import Metric
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.uncertainty.crossed_effects import group_shares, number_groups
from twinlens.registry import Registry

ERROR_RATE = """
import numpy as np
from twinlens.evaluation.metrics.metric import Metric

def error_rate(confusion):
    return 1 - np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))

METRIC = Metric("Error rate", "error rate", of_confusion=error_rate, higher_is_better=False)
"""


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_has_names_and_takes_many_resamples(metric):
    assert metric.title.lower() == metric.words.lower()
    random = np.random.default_rng(0)
    if metric.of_confusion:
        many = random.integers(1, 9, (5, 2, 3, 3))
        values = metric.of_confusion(many)
        assert values.shape == (5, 2)
        assert values[4, 1] == pytest.approx(float(metric.of_confusion(many[4, 1])))
        return
    labels, p = random.integers(0, 3, 40), random.dirichlet(np.ones(3), 40).round(1)
    times = random.integers(0, 4, (6, 40))
    values = metric.of_weights(labels, p, times.astype(float))
    drawn = [np.repeat(np.arange(40), of) for of in times]
    assert values == pytest.approx([metric.of_probabilities(labels[i], p[i]) for i in drawn])


def test_a_metric_has_one_of_the_two_functions():
    with pytest.raises(ValueError, match="needs of_confusion or of_probabilities, not both"):
        Metric("Nothing", "nothing")


def test_a_metric_of_another_package_is_computed_and_has_shares_of_groups(tmp_path, monkeypatch):
    info = tmp_path / "error_rate-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: error-rate\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[twinlens.metrics]\nerror_rate = error_rate:METRIC\n")
    (tmp_path / "error_rate.py").write_text(ERROR_RATE)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("metric", metrics.METRICS._built_in, group="twinlens.metrics")
    users = ("scoring", "uncertainty.crossed_effects")
    for module in (*(f"evaluation.{user}" for user in users), "study.analysis.aggregate"):
        monkeypatch.setattr(f"twinlens.{module}.METRICS", registry)
    labels, probabilities = np.array([0, 1, 1]), np.eye(2)[[0, 1, 0]]
    scores = score_predictions(labels, probabilities, ["a", "b"])
    assert scores.metrics["error_rate"] == pytest.approx(1 / 3)
    groups = number_groups(labels, ["a", "b", "c"])
    shares = group_shares(labels, probabilities.argmax(axis=1), 2, groups)
    assert shares["error_rate"].value == pytest.approx(1 / 3)
    assert registry["error_rate"].sign == -1
