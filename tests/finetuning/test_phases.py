import random

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from trained import MLP, train_small
from twinlens.data.batches import Batches, reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import loop
from twinlens.files import read_json
from twinlens.finetuning import phases as module
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import mlp_classifier
from twinlens.settings.finetuning import FineTuning


@pytest.mark.parametrize("call", random.Random(2).sample(range(1, 6), 3))
def test_killed_in_either_phase_and_resumed_the_weights_are_the_same(
    phantoms, tmp_path, monkeypatch, trained, call
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    calls, view = 0, module.view

    def killer(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return view(*arguments, **options)

    monkeypatch.setattr(module, "view", killer)
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
        seen.update(arguments[1].encoder.state_dict())
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "choose_lr", stop)
    with pytest.raises(KeyboardInterrupt):
        train_small(phantoms, tmp_path / "run")
    before = build_encoder("resnet18", 3).state_dict()
    assert all(torch.equal(before[name], seen[name]) for name in before)


def test_class_weights_are_scikit_learns_and_a_class_without_images_has_none():
    labels = np.array([0, 0, 0, 0, 2, 2, 3])
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels)
    weights = module.class_weights(labels, 5).numpy()
    np.testing.assert_allclose(weights[[0, 2, 3]], expected, rtol=1e-6)
    assert weights[1] == weights[4] == 0
    assert sum(weights[labels]) == pytest.approx(len(labels))


def test_in_small_batches_a_rare_class_has_the_say_that_its_weight_gives_it():
    """torch's own weighted mean gives the four classes 1.20, 1.13, .98 and .69 of theirs."""
    labels = np.repeat([0, 1, 2, 3], [520, 200, 60, 20])
    weights, says = module.class_weights(labels, 4), np.zeros(4)
    batches = Batches(np.arange(800), batch_size=16, seed=0)
    for step in range(20 * batches.steps_per_epoch):
        wanted = torch.from_numpy(labels[batches.rows(step)])
        logits = torch.zeros(16, 4, requires_grad=True)
        module.weighted_cross_entropy(logits, wanted, weights).backward()
        says += np.bincount(wanted, logits.grad.norm(dim=1), minlength=4)
    np.testing.assert_allclose(says / says.mean(), 1, rtol=1e-5)


def test_without_weights_the_loss_is_torchs():
    logits, wanted = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.arange(5)
    ours = module.weighted_cross_entropy(logits, wanted % 3, None)
    torch.testing.assert_close(ours, nn.functional.cross_entropy(logits, wanted % 3))


def test_a_balanced_loss_trains_another_model(phantoms, tmp_path, trained):
    run = train_small(phantoms, tmp_path / "run", settings={"class_balance": "loss"})
    ours, theirs = (pd.read_parquet(r / "history.parquet")["loss"] for r in (run, trained))
    assert not np.allclose(ours, theirs)


def test_full_tuning_has_one_phase(phantoms, tmp_path):
    run = train_small(phantoms, tmp_path / "run", settings={"tuning": "full", "epochs": 1})
    assert set(pd.read_parquet(run / "history.parquet")["phase"]) == {"one_cycle"}


def test_a_balanced_sampler_changes_neither_steps_nor_what_resuming_gives(
    phantoms, tmp_path, monkeypatch, trained_mlp
):
    split = open_split(open_dataset(phantoms))
    assert len(pd.read_parquet(trained_mlp / "history.parquet")) == len(split.rows["train"]) // 16
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    steps, view = 0, module.view

    def kill_at_the_second(*arguments, **options):
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyboardInterrupt
        return view(*arguments, **options)

    with monkeypatch.context() as killing:
        killing.setattr(module, "view", kill_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            train_small(phantoms, tmp_path / "run", settings=MLP)
    train_small(phantoms, tmp_path / "run", settings=MLP, resume=True)
    whole, resumed = (
        load_file(run / "model" / "model.safetensors") for run in (trained_mlp, tmp_path / "run")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_an_image_that_a_balanced_batch_repeats_is_seen_in_other_views(phantoms, monkeypatch):
    data = open_dataset(phantoms)
    rare = open_split(data).rows["train"][:16]
    rare = rare[np.concatenate([[0], np.flatnonzero(data.labels[rare] != data.labels[rare[0]])])]
    seen = []
    monkeypatch.setattr(module, "view", lambda images, keys, **_: seen.append(keys) or images)
    encoder = build_encoder("resnet18", 3)
    config = FineTuning(class_balance="sampler", batch_size=len(rare))
    loss = module._loss(encoder, reader(data.images, rare), rare, data.labels, None, config, 0)
    for step in range(5):
        loss(module.Classifier(encoder, mlp_classifier(512, 8, 0)), step)
        assert len(set(seen[-1])) == len(rare)
    assert max(map(max, seen)) >= len(data.labels)  # an image came twice
