import numpy as np
import pandas as pd
import pytest
import torch

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.engine.loop import train
from twinlens.engine.timing import rehearse
from twinlens.finetuning import phases as finetuning
from twinlens.models.encoders import build_encoder
from twinlens.pretraining import phases as pretraining
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.method import configure
from twinlens.settings.finetuning import FineTuning
from twinlens.study.estimate import run_timing as first_steps
from twinlens.study.estimate.run_timing import Task, pretraining_seconds, training_seconds

TRAIN = {"epochs": 2, "batch_size": 8, "lr": 1e-3, "tta": 1, "precision": "fp32"}
PRETRAIN = {"epochs": 2, "batch_size": 32, "projector": [8], "lr": 1e-3, "precision": "fp32"}


def _task(data, kind="train", label_fractions=(0.5, 1.0), **changes):
    if kind == "train":
        settings = FineTuning(**TRAIN | changes).model_dump(mode="json")
    else:
        settings = configure("recommended", PRETRAIN | changes, where="test")
        settings = settings.model_dump(by_alias=True, mode="json")
    arguments = {"encoder": "resnet18", "preset": "recommended", "settings": settings, "seed": 0}
    arguments |= {"images": "unlabelled"} if kind == "pretrain" else {}
    return Task(kind, arguments, list(label_fractions), str(data), "imported", "cpu")


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr("twinlens.engine.timing.ENOUGH_S", 0.05)
    monkeypatch.setattr(first_steps, "write_evidence", lambda *_, **__: None)  # seconds of t-SNE


def test_a_rehearsal_has_the_phases_and_numbers_of_steps_of_the_run(phantoms, tmp_path):
    data = open_dataset(phantoms)
    split, fabric = open_split(data), make_fabric("fp32", "cpu")
    config = configure("recommended", PRETRAIN | {"monitor_points": 0}, where="test")

    def of_pretraining(through):
        encoder, rows = build_encoder("resnet18", 0), IMAGES["unlabelled"].rows(split)
        folder = tmp_path / f"pretraining-{through.__name__}"
        folder.mkdir()
        return pretraining.fit(encoder, data, split, rows, config, fabric, folder, 0, through)

    def of_training(through):
        encoder, rows = build_encoder("resnet18", 0), split.rows["train"]
        folder = tmp_path / f"training-{through.__name__}"
        return finetuning.fit(encoder, data, rows, FineTuning(**TRAIN), fabric, folder, 0, through)[
            1
        ]

    for fitted in (of_pretraining, of_training):
        history = fitted(train).groupby("phase", sort=False).size()
        assert fitted(rehearse).set_index("phase")["steps"].to_dict() == history.to_dict()


def test_images_of_val_and_test_stay_unopened(phantoms, tmp_path, monkeypatch):
    split, seen = open_split(open_dataset(phantoms)), []
    score = first_steps.score

    def spy(*arguments, rows, **options):
        seen.append(rows)
        return score(*arguments, rows=rows, **options)

    monkeypatch.setattr(first_steps, "score", spy)
    assert len(training_seconds(_task(phantoms), tmp_path)) == 2
    assert set(np.concatenate(seen)) <= set(split.rows["train"])


def test_time_grows_with_the_steps_that_a_label_label_fraction_gives(
    phantoms, tmp_path, monkeypatch
):
    phases = pd.DataFrame([("head", 4, 10.0, 1.0), ("one_cycle", 8, 20.0, 2.0)])
    phases.columns = ["phase", "steps", "seconds", "checkpoint"]
    head = torch.nn.Linear(512, 8)
    monkeypatch.setattr(first_steps.finetuning, "fit", lambda *_, **__: (head, phases))
    monkeypatch.setattr(first_steps, "scaled", lambda *_: 100.0)
    monkeypatch.setattr(first_steps, "_once", lambda _: 0.0)
    monkeypatch.setattr(first_steps, "_begin", lambda *_: (make_fabric("fp32", "cpu"), head))
    half, whole = training_seconds(_task(phantoms), tmp_path)
    labelled = len(open_split(open_dataset(phantoms)).rows["train"])
    assert labelled // 8 == 4
    checkpoints = 1 * 1 + 2 * (1 + 160 // 60)
    assert whole == pytest.approx(200 + checkpoints + 100, abs=1)
    assert half == pytest.approx(200 * 2 / 4 + checkpoints + 100, abs=1)
    _, searched = training_seconds(_task(phantoms, lr="valley"), tmp_path)
    assert searched - whole == pytest.approx(100 * 20, abs=1)  # the finder's rates


def test_probes_and_pretrainings_are_measured_too(phantoms, tmp_path):
    (probing,) = training_seconds(
        _task(phantoms, label_fractions=(1.0,), tuning="linear_probe"), tmp_path
    )
    (pretraining_,) = pretraining_seconds(_task(phantoms, "pretrain", ()), tmp_path)
    assert 0 < probing < 1000
    assert 0 < pretraining_ < 1000


def test_each_look_of_the_monitor_counts(phantoms, tmp_path, monkeypatch):
    monkeypatch.setattr(first_steps, "_look", lambda *_: 1000.0)
    for moments, looks in ((0, 0), (3, 4), (500, 19)):  # before each of the 18 steps, and after
        task = _task(phantoms, "pretrain", (), monitor_points=moments, epochs=5)
        assert round(pretraining_seconds(task, tmp_path)[0] / 1000) == looks
