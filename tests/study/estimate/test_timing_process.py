import pytest
import torch

from twinlens.study.estimate import timing_process as measuring
from twinlens.study.estimate.run_timing import Task
from twinlens.study.estimate.timing_process import measure


def _task(kind):
    return Task(kind, {"settings": {"batch_size": 32}}, [], "data", "split", "cpu")


@pytest.mark.parametrize(("most", "fits"), [(20, 16), (16, 16), (2, 2), (1, 0)])
def test_the_largest_batch_that_fits_is_found(monkeypatch, most, fits):
    def lacking(task, _folder):
        if task.arguments["settings"]["batch_size"] > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [1.0]

    monkeypatch.setattr(measuring, "pretraining_seconds", lacking)
    assert measure(_task("pretrain")).fits == fits


def test_other_errors_are_no_lack_of_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(measuring, "training_seconds", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        measure(_task("train"))


def test_a_library_that_lacks_memory_is_understood_on_a_cpu(monkeypatch):
    def lacking(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")

    monkeypatch.setattr(measuring, "training_seconds", lacking)
    assert measure(_task("train")).fits == 0
