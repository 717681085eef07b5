import pytest
import torch
from synthetic import planned_training

from twinlens.study.estimate import timing_process
from twinlens.study.estimate.records import TimingTask
from twinlens.study.estimate.timing_process import measure

TASK = TimingTask(run=planned_training("run"), label_fractions=[1], batch_size=32, device="cpu")


@pytest.mark.parametrize(("most", "fits"), [(20, 16), (16, 16), (2, 2), (1, 0)])
def test_the_largest_batch_that_fits_is_found(monkeypatch, most, fits):
    def lacking(_task, _folder, batch_size):
        if batch_size > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [1.0]

    monkeypatch.setattr(timing_process, "seconds", lacking)
    assert measure(TASK).fits == fits


def test_other_errors_are_no_lack_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(timing_process, "seconds", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        measure(TASK)


def test_a_library_that_lacks_memory_is_understood_on_a_cpu(monkeypatch):
    def lacking(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")

    monkeypatch.setattr(timing_process, "seconds", lacking)
    assert measure(TASK).fits == 0
