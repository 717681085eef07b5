import random

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.utils.class_weight import compute_class_weight

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import loop
from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.probe import linear_probe
from twinlens.evaluation.test_access import read_test_access
from twinlens.files import read_json
from twinlens.finetuning import phases as module
from twinlens.finetuning.train import train
from twinlens.importing.import_images import import_images
from twinlens.inference.embed import embed
from twinlens.models.bundle import load_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import mlp_classifier
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.run import read_run
from twinlens.records.scores import Scores
from twinlens.records.weights import Normalisation
from twinlens.seeds import derive
from twinlens.settings.finetuning import FineTuning
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.split import make_split

SMALL = {"epochs": 2, "batch_size": 16, "lr": 1e-3, "precision": "fp32"}


def _train(data, out, *, settings=None, **options):
    common = {"encoder": "resnet18", "device": "cpu", "seed": 3}
    return train(data, out, settings=SMALL | (settings or {}), **common | options)


@pytest.fixture(scope="module")
def finished(phantoms, tmp_path_factory):
    return _train(phantoms, tmp_path_factory.mktemp("fine-tuning") / "run")


def test_a_run_keeps_what_it_was(finished, phantoms):
    assert {path.name for path in finished.iterdir()} == {
        "history.csv", "history.parquet", "lr_finder.json", "metrics.csv", "metrics.json", "model",
        "predictions.parquet", "run.json", "test_access.jsonl",
        "views.png",
    }  # fmt: skip
    record, split = read_run(finished), open_split(open_dataset(phantoms))
    assert record.settings.tuning == "head_then_full"
    assert record.images == len(split.rows["train"])
    (opening,) = read_test_access(finished / "test_access.jsonl")
    assert opening.images == len(split.rows["test"])
    history = pd.read_parquet(finished / "history.parquet")
    epoch = len(split.rows["train"]) // 16
    assert history["phase"].tolist() == ["head"] * epoch + ["one_cycle"] * 2 * epoch
    assert (history["lr"][:epoch] == 1e-3).all()


def test_metrics_are_scikit_learns_on_the_stored_predictions(finished, phantoms):
    table = pd.read_parquet(finished / "predictions.parquet")
    split = open_split(open_dataset(phantoms))
    scores = Scores.read(finished / "metrics.json")
    for part in ("val", "test"):
        rows = table[table["split"] == part]
        assert len(rows) == len(split.rows[part]) == scores.parts[part].n
        columns = [name for name in table if name.startswith("p_")]
        predicted = rows[columns].idxmax(axis=1).str.removeprefix("p_")
        expected = {
            "accuracy": (predicted == rows["label"]).mean(),
            "balanced_accuracy": balanced_accuracy_score(rows["label"], predicted),
            "macro_f1": f1_score(rows["label"], predicted, average="macro"),
            "weighted_f1": f1_score(rows["label"], predicted, average="weighted"),
        }
        for name, value in expected.items():
            assert scores.parts[part].metrics[name] == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(rows[columns].sum(axis=1), 1, atol=1e-5)


def test_the_bundle_evaluated_again_gives_the_same_metrics(finished, phantoms, tmp_path):
    stored = Scores.read(finished / "metrics.json").test
    again = evaluate(finished / "model", phantoms, out=tmp_path / "out", device="cpu")
    assert again == stored
    assert Scores.read(tmp_path / "out" / "metrics.json") == Scores(parts={"test": stored})
    predictions = pd.read_parquet(finished / "predictions.parquet")
    test = predictions[predictions["split"] == "test"].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "predictions.parquet"), test)


@pytest.mark.parametrize("call", random.Random(2).sample(range(1, 6), 3))
def test_killed_in_either_phase_and_resumed_the_weights_are_the_same(
    phantoms, tmp_path, monkeypatch, finished, call
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
        _train(phantoms, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    _train(phantoms, tmp_path / "run", resume=True)
    whole = load_file(finished / "model" / "model.safetensors")
    resumed = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_json(finished / "metrics.json") == read_json(tmp_path / "run" / "metrics.json")


def test_it_starts_from_a_pretraining_run(phantoms, tmp_path):
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    settings |= {"frozen_batchnorm": False}
    first = pretrain(
        phantoms, tmp_path / "pre", encoder="resnet18", settings=settings, seed=8, device="cpu"
    )
    run = train(
        phantoms,
        tmp_path / "run",
        pretrained=first,
        settings={"tuning": "linear_probe"},
        device="cpu",
    )
    theirs = load_file(first / "encoder.safetensors")
    ours = load_file(run / "model" / "model.safetensors")
    assert all(torch.equal(theirs[name], ours[f"encoder.{name}"]) for name in theirs)
    assert read_run(run).pretraining == read_run(first)
    with pytest.raises(UserError, match="a pretraining of the encoder resnet18"):
        train(phantoms, tmp_path / "other", pretrained=first, encoder="resnet34", device="cpu")
    with pytest.raises(UserError, match="'train' run"):
        train(phantoms, tmp_path / "other", pretrained=run, device="cpu")
    with pytest.raises(UserError, match=r"not a finished run.*no run\.json"):
        train(phantoms, tmp_path / "other", pretrained=phantoms, device="cpu")


def test_a_probe_is_the_logistic_regression_on_features_of_the_images(phantoms, tmp_path):
    run = _train(phantoms, tmp_path / "run", settings={"tuning": "linear_probe", "tta": 1})
    data = open_dataset(phantoms)
    split = open_split(data)
    rows, test = split.rows["train"], split.rows["test"]
    encoder = build_encoder("resnet18", 3)
    both = np.concatenate([rows, test])
    features = embed(encoder, reader(data.images, both), both, size=32, batch_size=64)
    head = linear_probe(features[: len(rows)], data.labels[rows], classes=8, c=0.1, balanced=True)
    logits = torch.from_numpy(features[len(rows) :]) @ head.weight.T + head.bias
    table = pd.read_parquet(run / "predictions.parquet")
    stored = table[table["split"] == "test"].filter(like="p_").to_numpy()
    np.testing.assert_allclose(stored, logits.detach().softmax(1).numpy(), atol=2e-4)


def test_a_label_fraction_trains_on_that_share(phantoms, tmp_path):
    run = _train(
        phantoms, tmp_path / "run", label_fraction=0.5, settings={"tuning": "linear_probe"}
    )
    data = open_dataset(phantoms)
    rows = label_fraction(data, open_split(data), 0.5, derive(3, "label_fraction"))
    record = read_run(run)
    assert record.images == len(rows) < len(open_split(data).rows["train"])
    assert record.label_fraction == 0.5


def test_head_first_leaves_the_encoder_alone_until_its_turn(phantoms, tmp_path, monkeypatch):
    seen = {}

    def stop(*arguments, **_):
        seen.update(arguments[1].encoder.state_dict())
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "choose_lr", stop)
    with pytest.raises(KeyboardInterrupt):
        _train(phantoms, tmp_path / "run")
    before = build_encoder("resnet18", 3).state_dict()
    assert all(torch.equal(before[name], seen[name]) for name in before)


def test_class_weights_are_scikit_learns_and_a_class_without_images_has_none():
    labels = np.array([0, 0, 0, 0, 2, 2, 3])
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels)
    weights = module.class_weights(labels, 5).numpy()
    np.testing.assert_allclose(weights[[0, 2, 3]], expected, rtol=1e-6)
    assert weights[1] == weights[4] == 0
    assert sum(weights[labels]) == pytest.approx(len(labels))


def test_a_balanced_loss_trains_another_model(phantoms, tmp_path, finished):
    run = _train(phantoms, tmp_path / "run", settings={"class_balance": "loss"})
    ours, theirs = (pd.read_parquet(r / "history.parquet")["loss"] for r in (run, finished))
    assert not np.allclose(ours, theirs)


def test_full_tuning_has_one_phase(phantoms, tmp_path):
    run = _train(phantoms, tmp_path / "run", settings={"tuning": "full", "epochs": 1})
    assert set(pd.read_parquet(run / "history.parquet")["phase"]) == {"one_cycle"}


@pytest.mark.parametrize("preset", ["paper", "paper-code"])
def test_the_papers_presets_run(phantoms, tmp_path, preset):
    run = _train(phantoms, tmp_path / "run", preset=preset, settings={"epochs": 1})
    info = load_bundle(run / "model").info
    assert info.test_time.clean is False
    assert info.test_time.recipe.crop.per_batch is (preset == "paper-code")
    assert info.normalisation == Normalisation(mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"label_fraction": 0.0}, "label fraction 0.0 must be above 0"),
        (
            {"settings": {"tuning": "half"}},
            "'tuning' is wrong.*'linear_probe', 'head_then_full' or 'full'",
        ),
        ({"settings": {"views": "strange"}}, "Unknown recipe of views 'strange'.*recommended"),
        ({"settings": {"batch_size": 512}}, "batch size 512 is larger than"),
        ({"preset": "best"}, "Unknown preset 'best'.*paper"),
    ],
)
def test_mistakes_are_sentences(phantoms, tmp_path, wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        _train(phantoms, tmp_path / "run", **wrong)
    assert not [*tmp_path.iterdir()]


def test_a_model_is_evaluated_only_on_data_that_fits_it(finished, phantoms, tmp_path):
    with pytest.raises(UserError, match=r"Unknown part of a split 'tests'.*test"):
        evaluate(finished / "model", phantoms, split="tests")
    with pytest.raises(UserError, match="Unknown split 'mine'"):
        evaluate(finished / "model", phantoms, split="mine:test")
    with pytest.raises(UserError, match="not a model bundle"):
        evaluate(tmp_path, phantoms)
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        evaluate(finished / "model", phantoms, tta=0)


def test_what_was_trained_on_another_split_of_the_same_images_is_refused(tmp_path):
    data = import_images("phantom:160", tmp_path / "data", size=16).path
    make_split(open_dataset(data), per_class=None, val=0.1, test=0.3, seed=1, name="other")
    run = _train(data, tmp_path / "run", split="imported", settings={"tuning": "linear_probe"})
    with pytest.raises(UserError, match=r"another split of .* than 'other', so it may know these"):
        evaluate(run / "model", data, split="other:test")
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    first = pretrain(
        data, tmp_path / "p", encoder="resnet18", split="imported", settings=settings, device="cpu"
    )
    with pytest.raises(UserError, match="another split"):
        train(data, tmp_path / "q", pretrained=first, split="other", device="cpu")


@pytest.fixture(scope="module")
def with_mlp(phantoms, tmp_path_factory):
    settings = {"head": "mlp", "class_balance": "sampler", "tuning": "full", "epochs": 1}
    return _train(phantoms, tmp_path_factory.mktemp("mlp") / "run", settings=settings)


def test_an_mlp_is_trained_kept_and_evaluated_again(with_mlp, phantoms):
    head = load_bundle(with_mlp / "model").head
    initial = mlp_classifier(512, 8, 3)
    assert [type(layer) for layer in head] == [type(layer) for layer in initial]
    assert not torch.equal(head[0].weight, initial[0].weight)
    stored = Scores.read(with_mlp / "metrics.json").test
    assert evaluate(with_mlp / "model", phantoms, device="cpu") == stored


def test_a_balanced_sampler_changes_neither_steps_nor_what_resuming_gives(
    phantoms, tmp_path, monkeypatch, with_mlp
):
    settings = {"head": "mlp", "class_balance": "sampler", "tuning": "full", "epochs": 1}
    split = open_split(open_dataset(phantoms))
    assert len(pd.read_parquet(with_mlp / "history.parquet")) == len(split.rows["train"]) // 16
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
            _train(phantoms, tmp_path / "run", settings=settings)
    _train(phantoms, tmp_path / "run", settings=settings, resume=True)
    whole, resumed = (
        load_file(run / "model" / "model.safetensors") for run in (with_mlp, tmp_path / "run")
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
