import pytest
import torch

from twinlens.data import batches
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import device
from twinlens.engine.device import make_fabric
from twinlens.study.estimate.choices import describe_choices


def _told(phantoms, *, workers=1, precision="fp32"):
    data = open_dataset(phantoms)
    return describe_choices(make_fabric(precision, "cpu"), data, open_split(data), workers)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A processor of four threads without bf16."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


def test_what_was_chosen_is_told(phantoms):
    assert _told(phantoms) == (
        "Chosen for this machine: 1 worker of 4 threads, fp32, as it has no bf16, channels-last, "
        "images held in its memory (0 MiB)."
    )
    assert "2 workers of 2 threads," in _told(phantoms, workers=2)
    assert "4 workers of 1 thread," in _told(phantoms, workers=4)
    assert "bf16, as the study says" in _told(phantoms, precision="bf16")


def test_bf16_is_chosen_where_the_processor_has_it(phantoms, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert device.resolve_precision("auto", torch.device("cpu")) == "bf16"
    assert ", bf16, channels-last" in _told(phantoms, precision="bf16")


def test_more_images_than_the_limit_are_read_ahead(phantoms, monkeypatch):
    monkeypatch.setattr(batches, "CPU_LIMIT", 1)
    assert "images read a step ahead" in _told(phantoms)
