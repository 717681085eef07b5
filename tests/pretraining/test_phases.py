"""Which parts of an encoder a pretraining changes."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from twinlens.engine import loop
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.pretrain import pretrain

SMALL = {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-2, "precision": "fp32"}
SMALL |= {"monitor_points": 0}


def _pretrain(data, out, encoder, *, resume=False, **settings):
    how = {"seed": 3, "device": "cpu", "images": "train", "resume": resume}
    return pretrain(data, out, encoder=encoder, settings=SMALL | settings, **how)


def _changed(run, encoder):
    weights, start = load_file(run / "encoder.safetensors"), build_encoder(encoder, 3).state_dict()
    assert weights.keys() == start.keys()
    return {name for name in weights if not torch.equal(weights[name], start[name])}


def _statistics(name):
    return "running" in name or "num_batches" in name


@pytest.mark.parametrize("method", ["simclr", "byol"])
def test_few_parameters_are_trained_where_few_are_chosen(phantoms, tmp_path, method):
    run = _pretrain(
        phantoms, tmp_path / "norm", "resnet18_quarter", method=method, trainable="norm",
        **({"projector": [8, 4]} if method == "byol" else {}),
    )  # fmt: skip
    changed = {name for name in _changed(run, "resnet18_quarter") if not _statistics(name)}
    assert "bn1.weight" in changed
    assert all("bn" in name or "downsample.1" in name for name in changed)
    assert (
        "| trained of the encoder | its normalisation layers |" in (run / "README.md").read_text()
    )


def test_the_last_block_is_trained_with_the_normalisation_layers(phantoms, tmp_path):
    run = _pretrain(phantoms, tmp_path / "last", "timm/test_vit", trainable="last")
    changed = _changed(run, "timm/test_vit")
    assert {"blocks.5.mlp.fc1.weight", "blocks.0.norm1.weight"} <= changed
    assert not {"blocks.4.mlp.fc1.weight", "patch_embed.proj.weight"} & changed


@pytest.mark.parametrize("method", ["simclr", "mae"])
def test_adapters_are_merged_into_a_plain_encoder_also_when_resumed(
    phantoms, tmp_path, monkeypatch, method
):
    pytest.importorskip("peft")
    settings = {"method": method, "trainable": "lora", "lora_rank": 2}
    settings |= {"projector": []} if method == "mae" else {}
    whole = _pretrain(phantoms, tmp_path / "whole", "timm/test_vit", **settings)
    changed = _changed(whole, "timm/test_vit")
    assert changed
    assert all(".attn." in name and name.endswith(".weight") for name in changed)
    assert "of rank 2, merged" in (whole / "README.md").read_text()

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    place, calls = METHODS[method], iter(range(2))
    with monkeypatch.context() as patch:
        patch.setitem(METHODS._loaded, method, _stopping(place, calls))
        with pytest.raises(KeyboardInterrupt):
            _pretrain(phantoms, tmp_path / "killed", "timm/test_vit", **settings)
    resumed = _pretrain(phantoms, tmp_path / "killed", "timm/test_vit", resume=True, **settings)
    ours, theirs = (load_file(run / "encoder.safetensors") for run in (whole, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(pd.read_parquet(resumed / "history.parquet")) == 2


def _stopping(method, calls):
    """The method, whose loss raises KeyboardInterrupt at its second call."""

    def loss(*arguments):
        if next(calls):
            raise KeyboardInterrupt
        return method.loss(*arguments)

    return replace(method, loss=loss)
