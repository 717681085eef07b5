import numpy as np
import pandas as pd
import pytest
import torch

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.finetuning import fit as finetuning
from twinlens.finetuning.config import FineTuning
from twinlens.models.encoders import build_encoder
from twinlens.pretraining import fit as pretraining
from twinlens.pretraining.config import configure
from twinlens.pretraining.images import IMAGES
from twinlens.study import measuring
from twinlens.study.measuring import Cost, Task, measure
from twinlens.training.device import make_fabric
from twinlens.training.loop import train
from twinlens.training.rehearsal import rehearse

TRAIN = {"epochs": 2, "batch_size": 8, "lr": 1e-3, "tta": 1, "precision": "fp32"}
PRETRAIN = {"epochs": 2, "batch_size": 32, "projector": [8], "lr": 1e-3, "precision": "fp32"}


def _task(data, kind="train", budgets=(0.5, 1.0), **changes):
    if kind == "train":
        settings = FineTuning(**TRAIN | changes).model_dump(mode="json")
    else:
        settings = configure("robust", PRETRAIN | changes, where="test")
        settings = settings.model_dump(by_alias=True, mode="json")
    arguments = {"encoder": "resnet18", "preset": "robust", "settings": settings, "seed": 0}
    arguments |= {"images": "unlabelled"} if kind == "pretrain" else {}
    return Task(kind, arguments, list(budgets), str(data), "imported", "cpu", 2**34)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr("twinlens.training.rehearsal.ENOUGH_S", 0.05)
    monkeypatch.setattr(measuring, "write_evidence", lambda *_, **__: None)  # seconds of t-SNE


def test_a_rehearsal_has_the_phases_and_numbers_of_steps_of_the_run(phantoms, tmp_path):
    data = open_dataset(phantoms)
    split, fabric = open_split(data), make_fabric("fp32", "cpu")
    config = configure("robust", PRETRAIN | {"moments": 0}, where="test")

    def of_pretraining(through):
        encoder, rows = build_encoder("resnet18", 0), IMAGES["unlabelled"](split)
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


def test_images_of_val_and_test_stay_unopened(phantoms, monkeypatch):
    split, seen = open_split(open_dataset(phantoms)), []
    score = measuring.score

    def spy(*arguments, rows, **options):
        seen.append(rows)
        return score(*arguments, rows=rows, **options)

    monkeypatch.setattr(measuring, "score", spy)
    cost = measure(_task(phantoms))
    assert set(np.concatenate(seen)) <= set(split.rows["train"])
    assert cost.fits is None


def test_time_grows_with_the_steps_that_a_label_budget_gives(phantoms, monkeypatch):
    phases = pd.DataFrame([("head", 4, 10.0, 1.0), ("one_cycle", 8, 20.0, 2.0)])
    phases.columns = ["phase", "steps", "seconds", "checkpoint"]
    monkeypatch.setattr(measuring, "rehearse", None)
    head = torch.nn.Linear(512, 8)
    monkeypatch.setattr(measuring.finetuning, "fit", lambda *_, **__: (head, phases))
    monkeypatch.setattr(measuring, "scaled", lambda *_: 100.0)
    monkeypatch.setattr(measuring, "_begin", lambda *_: (make_fabric("fp32", "cpu"), head))
    half, whole = measure(_task(phantoms)).seconds
    labelled = len(open_split(open_dataset(phantoms)).rows["train"])
    assert labelled // 8 == 4
    checkpoints = 1 * 1 + 2 * (1 + 160 // 60)
    assert whole == pytest.approx(200 + checkpoints + 100, abs=1)
    assert half == pytest.approx(200 * 2 / 4 + checkpoints + 100, abs=1)
    _, searched = measure(_task(phantoms, lr="valley")).seconds
    assert searched - whole == pytest.approx(100 * 20, abs=1)  # the finder's rates


@pytest.mark.parametrize(("kind", "changes"), [("train", {"tuning": "probe"}), ("pretrain", {})])
def test_probes_and_pretrainings_are_measured_too(phantoms, kind, changes):
    cost = measure(_task(phantoms, kind, (1.0,) if kind == "train" else (), **changes))
    assert len(cost.seconds) == 1
    assert cost.seconds[0] > 0.05
    assert cost.memory > 2**27


def test_each_look_of_the_monitor_counts(phantoms, monkeypatch):
    monkeypatch.setattr(measuring, "_look", lambda *_: 1000.0)
    for moments, looks in ((0, 0), (3, 4), (500, 19)):  # before each of the 18 steps, and after
        task = _task(phantoms, "pretrain", (), moments=moments, epochs=5)
        assert round(measure(task).seconds[0] / 1000) == looks


@pytest.mark.parametrize(("most", "fits"), [(20, 16), (16, 16), (2, 2), (1, 0)])
def test_the_largest_batch_that_fits_is_found(phantoms, monkeypatch, most, fits):
    def lacking(task, arguments, folder):
        if arguments["settings"]["batch_size"] > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Cost([1.0], 1)

    monkeypatch.setattr(measuring, "_pretraining", lacking)
    assert measure(_task(phantoms, "pretrain", ())).fits == fits


def test_other_errors_are_no_lack_of_memory(phantoms, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(measuring, "_training", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        measure(_task(phantoms))
