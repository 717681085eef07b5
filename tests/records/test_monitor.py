import pytest

from twinlens.records.monitor import Evaluation, MonitorRecord

EVALUATIONS = tuple(
    Evaluation(
        step=step, epoch=step / 10, feature_rank=9.0, feature_dispersion=0.3, embedding_rank=8.0,
        embedding_dispersion=0.9, on_diagonal=0.5, off_diagonal=0.1,
    )
    for step in (0, 10, 20)
)  # fmt: skip


@pytest.mark.parametrize(("kept_step", "expected"), [(None, 20), (10, 10), (20, 20)])
def test_the_evaluation_of_the_weights_that_were_kept(kept_step, expected):
    record = MonitorRecord(images=64, probe=None, evaluations=EVALUATIONS, kept_step=kept_step)
    assert record.kept_evaluation.step == expected


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = MonitorRecord(images=64, probe=None, evaluations=EVALUATIONS)
    record.write(tmp_path / "monitor.json")
    assert MonitorRecord.read(tmp_path / "monitor.json") == record
