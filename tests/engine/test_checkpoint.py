import os

import pytest
import torch

from twinlens.engine.checkpoint import load_checkpoint, save_checkpoint
from twinlens.engine.loop import CHECKPOINT
from twinlens.errors import UserError


def test_checkpoints_are_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    save_checkpoint(path, {"step": 1})

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UserError, match=r"is full: checkpoint.pt needs 4.0 MB"):
        save_checkpoint(path, {"weights": torch.zeros(1_000_000)})
    assert load_checkpoint(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_damaged_checkpoint_is_a_sentence(tmp_path):
    path = tmp_path / CHECKPOINT
    save_checkpoint(path, {"step": torch.arange(1000)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"checkpoint.pt is damaged.*delete it"):
        load_checkpoint(path)
