import pytest

from stored_runs import evaluation
from twinlens.pretraining.verdict import verdict
from twinlens.records.monitor import MonitorRecord, ProbeData


@pytest.mark.parametrize(
    ("end", "words"),
    [(0.35, "within its noise"), (0.37, "classes better"), (0.2, "classes worse")],
)
def test_the_verdict_says_what_is_within_the_noise(end, words):
    first, last = (
        evaluation(step=step, linear_probe=probe, knn_probe=0.3)
        for step, probe in enumerate((0.3, end))
    )
    probe = ProbeData(images=100, folds=3, classes=2, standard_error=0.03)
    sentences = verdict(MonitorRecord(images=90, probe=probe, evaluations=(first, last)))
    assert words in sentences[0]
    assert sentences[-1] == "No collapse was seen."
