import pytest
import torch
from safetensors.torch import load_file

from stored_runs import train_run
from twinlens.errors import UserError
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.pretrained_encoder import pretrained_encoder, read_pretraining


def test_the_encoder_of_a_pretraining_is_loaded_and_other_runs_are_refused(phantoms, tmp_path):
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    settings |= {"frozen_batchnorm": False}
    run = pretrain(
        phantoms, tmp_path / "run", encoder="resnet18_quarter", settings=settings, device="cpu"
    )
    encoder, _, record = pretrained_encoder(run)
    assert record.kind == "pretrain"
    stored = load_file(run / "encoder.safetensors")
    weights = encoder.state_dict()
    assert all(torch.equal(weights[name], stored[name]) for name in stored.keys() & weights.keys())
    with pytest.raises(UserError, match="is not a finished run"):
        read_pretraining(tmp_path)
    train_run().write(run / "run.json")
    with pytest.raises(UserError, match="is a 'train' run: name a pretraining run"):
        read_pretraining(run)
