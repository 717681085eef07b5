import pytest

from stored_runs import evaluation
from twinlens.pretraining.verdict import verdict
from twinlens.records.monitor import Alarm, MonitorRecord, ProbeData


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


@pytest.mark.parametrize(
    ("kinds", "end"),
    [([], "No collapse was seen."), (["probe"], "No collapse was seen."), (["collapse"], "!"),
     (["probe", "collapse"], "!")],
)  # fmt: skip
def test_the_verdict_states_all_alarms(kinds, end):
    alarms = tuple(Alarm(step=3, message="!", kind=kind) for kind in kinds)
    evaluations = (evaluation(), evaluation(step=9))
    sentences = verdict(
        MonitorRecord(images=90, probe=None, evaluations=evaluations, alarms=alarms)
    )
    assert sentences.count("!") == len(kinds)
    assert sentences[-1] == end
