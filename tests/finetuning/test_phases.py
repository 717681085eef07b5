import random

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from trained import MLP, train_small
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import loop
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.finetuning import labelled_batches
from twinlens.finetuning import phases as module
from twinlens.inference.embed import clean_batches
from twinlens.models.bundle import read_info
from twinlens.models.encoders import build_encoder


@pytest.mark.parametrize("call", random.Random(2).sample(range(1, 6), 3))
def test_killed_in_either_phase_and_resumed_the_weights_are_the_same(
    phantoms, tmp_path, monkeypatch, trained, call
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(labelled_batches, "view", _interrupted_at(labelled_batches.view, call))
    with pytest.raises(KeyboardInterrupt):
        train_small(phantoms, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train_small(phantoms, tmp_path / "run", resume=True)
    whole = load_file(trained / "model" / "model.safetensors")
    resumed = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_json(trained / "metrics.json") == read_json(tmp_path / "run" / "metrics.json")


def test_head_first_leaves_the_encoder_alone_until_its_turn(phantoms, tmp_path, monkeypatch):
    seen = {}

    def stop(*arguments, **_):
        seen.update(arguments[1].model.encoder.state_dict())
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "choose_lr", stop)
    with pytest.raises(KeyboardInterrupt):
        train_small(phantoms, tmp_path / "run")
    before = build_encoder("resnet18_quarter", 3).state_dict()
    assert all(torch.equal(before[name], seen[name]) for name in before)


def test_a_balanced_loss_trains_another_model(phantoms, tmp_path, trained):
    run = train_small(phantoms, tmp_path / "run", settings={"class_balance": "loss"})
    ours, theirs = (pd.read_parquet(r / "history.parquet")["loss"] for r in (run, trained))
    assert not np.allclose(ours, theirs)


def test_a_loss_that_rose_is_said(phantoms, tmp_path, monkeypatch, capsys):
    told = []
    for rose in (False, True):
        monkeypatch.setattr(module, "loss_rose", lambda *_, rose=rose: rose)
        train_small(phantoms, tmp_path / str(rose), settings={"epochs": 1})
        told.append("WARNING: The loss of the last epoch" in capsys.readouterr().err)
    assert told == [False, True]


def test_full_tuning_has_one_phase(phantoms, tmp_path):
    run = train_small(phantoms, tmp_path / "run", settings={"tuning": "full", "epochs": 1})
    assert set(pd.read_parquet(run / "history.parquet")["phase"]) == {"one_cycle"}


def test_a_balanced_sampler_changes_neither_steps_nor_what_resuming_gives(
    phantoms, tmp_path, monkeypatch, trained_mlp
):
    split = open_split(open_dataset(phantoms))
    assert len(pd.read_parquet(trained_mlp / "history.parquet")) == len(split.rows["train"]) // 16
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    with monkeypatch.context() as killing:
        killing.setattr(labelled_batches, "view", _interrupted_at(labelled_batches.view, 2))
        with pytest.raises(KeyboardInterrupt):
            train_small(phantoms, tmp_path / "run", settings=MLP)
    train_small(phantoms, tmp_path / "run", settings=MLP, resume=True)
    whole, resumed = (
        load_file(run / "model" / "model.safetensors") for run in (trained_mlp, tmp_path / "run")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


LADDER = {
    "head_init": "probe",
    "layer_decay": 0.8,
    "class_balance": "logit_adjustment",
    "label_smoothing": 0.1,
    "mixup": 0.2,
    "cutmix": 1.0,
    "drop_path": 0.1,
    "ema": 0.9,
    "wise_ft": 0.7,
    "image_size": 24,
    "progressive_from": 16,
    "epochs": 1,
}


def test_with_every_setting_of_the_ladder_a_resumed_training_gives_the_same_weights(
    phantoms, tmp_path, monkeypatch
):
    whole = train_small(phantoms, tmp_path / "whole", settings=LADDER)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    with monkeypatch.context() as killing:
        killing.setattr(labelled_batches, "mix", _interrupted_at(labelled_batches.mix, 2))
        with pytest.raises(KeyboardInterrupt):
            train_small(phantoms, tmp_path / "run", settings=LADDER)
    resumed = train_small(phantoms, tmp_path / "run", settings=LADDER, resume=True)
    ours, theirs = (load_file(run / "model" / "model.safetensors") for run in (whole, resumed))
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert read_info(whole / "model").size == 24


def _interrupted_at(function, call):
    """Return a function that is interrupted at one of its calls."""
    calls = iter(range(1, 1000))

    def interrupted(*arguments, **options):
        if next(calls) == call:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return interrupted


def _begun(phantoms, folder, monkeypatch, **settings):
    """Return the classifier with which LP-FT begins to train."""

    def stop(network, *_, **__):
        raise KeyboardInterrupt(network.model)

    with monkeypatch.context() as stopping:
        stopping.setattr(module, "train", stop)
        with pytest.raises(KeyboardInterrupt) as stopped:
            train_small(phantoms, folder, settings={"head_init": "probe"} | settings)
    return stopped.value.args[0]


def test_the_head_of_lp_ft_starts_as_the_probe(phantoms, tmp_path, monkeypatch):
    model = _begun(phantoms, tmp_path / "run", monkeypatch, fixed_statistics=True)
    train_small(phantoms, tmp_path / "probe", settings={"tuning": "linear_probe"})
    probe = load_file(tmp_path / "probe" / "model" / "model.safetensors")
    assert torch.equal(model.head.weight, probe["head.weight"])


def test_lp_ft_starts_as_the_probe_of_the_features_that_training_sees(
    phantoms, tmp_path, monkeypatch
):
    data = open_dataset(phantoms)
    rows = open_split(data).rows["train"]
    labels = torch.from_numpy(data.labels[rows])

    def accuracy(model):
        fabric = make_fabric("fp32", "cpu")
        images = next(clean_batches(model.encoder, data, rows, fabric, size=32, batch_size=999))
        with torch.no_grad():  # in training, BatchNorm's statistics are those of the batch
            return (model.train()(images).argmax(1) == labels).float().mean()

    seen = accuracy(_begun(phantoms, tmp_path / "seen", monkeypatch))
    stored = accuracy(_begun(phantoms, tmp_path / "kept", monkeypatch, fixed_statistics=True))
    assert seen > stored + 0.1


def test_a_class_without_images_starts_below_the_others_but_finite():
    head = nn.Linear(2, 4)
    nn.init.constant_(head.bias[2:3], torch.finfo(torch.float32).min / 2)
    module.bound_absent(head)
    logits = head(torch.randn(50, 2))
    assert (logits[:, 2] < logits.amax(1)).all()
    assert logits.abs().max() < 100


def test_fixed_statistics_are_those_of_the_initial_weights(phantoms, tmp_path):
    run = train_small(phantoms, tmp_path / "run", settings={"fixed_statistics": True})
    kept, before = (
        load_file(run / "model" / "model.safetensors"),
        build_encoder("resnet18_quarter", 3),
    )
    for name, value in before.state_dict().items():
        if "running" in name:
            assert torch.equal(kept[f"encoder.{name}"], value)


def test_only_the_chosen_part_of_the_encoder_is_trained(phantoms, tmp_path):
    run = train_small(phantoms, tmp_path / "run", settings={"trainable": "last", "epochs": 1})
    kept, before = (
        load_file(run / "model" / "model.safetensors"),
        build_encoder("resnet18_quarter", 3),
    )
    same = {
        name for name, value in before.state_dict().items()
        if torch.equal(kept[f"encoder.{name}"], value)
    }  # fmt: skip
    assert {"conv1.weight", "layer4.0.conv1.weight"} <= same
    assert not {"bn1.weight", "layer4.1.conv1.weight"} & same


def test_larger_images_than_the_data_sets_are_refused(phantoms, tmp_path):
    with pytest.raises(UserError, match=r"image_size 64 is larger than the 32 pixels of .*--size"):
        train_small(phantoms, tmp_path / "run", settings={"image_size": 64})


def test_fixed_statistics_stay_through_every_phase_and_average(phantoms, tmp_path):
    settings = {"fixed_statistics": True, "frozen_batchnorm": False, "wise_ft": 0.7, "epochs": 1}
    run = train_small(phantoms, tmp_path / "run", settings=settings)
    before = build_encoder("resnet18_quarter", 3).state_dict()
    after = load_file(run / "model" / "model.safetensors")
    kept = [name for name in before if "running" in name]
    assert kept
    assert all(torch.equal(before[name], after[f"encoder.{name}"]) for name in kept)
