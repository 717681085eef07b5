import pytest
import torch

from twinlens.transfer import to_device


@pytest.mark.parametrize(("kind", "waits"), [("cuda", False), ("mps", True), ("cpu", True)])
def test_only_copies_to_cuda_are_not_waited_for(kind, waits, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        torch.Tensor, "to", lambda *_, non_blocking: asked.update(waits=not non_blocking)
    )
    to_device(torch.zeros(2), torch.device(kind))
    assert asked["waits"] is waits


def test_the_type_changes_where_it_is_asked_for():
    whole = torch.arange(3)
    assert to_device(whole, torch.device("cpu")).dtype == torch.int64
    assert to_device(whole, torch.device("cpu"), dtype=torch.float32).tolist() == [0.0, 1.0, 2.0]
