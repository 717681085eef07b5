import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

from trained import train_small
from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.features.probe import linear_probe
from twinlens.evaluation.test_access import read_test_access
from twinlens.finetuning.train import train
from twinlens.importing.import_images import import_images
from twinlens.inference.embed import embed
from twinlens.models.bundle import load_bundle, load_index, read_info
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import mlp_classifier
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.run import read_run
from twinlens.records.scores import Scores
from twinlens.records.weights import Normalisation
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.split import split as make_split


def test_a_run_keeps_what_it_was(trained, phantoms):
    assert {path.name for path in trained.iterdir()} == {
        "history.csv", "history.parquet", "lr_finder.json", "metrics.csv", "metrics.json", "model",
        "predictions.parquet", "run.json", "test_access.jsonl",
        "views.png",
    }  # fmt: skip
    record, split = read_run(trained), open_split(open_dataset(phantoms))
    assert record.settings.tuning == "head_then_full"
    assert record.images == len(split.rows["train"])
    info, scores = read_info(trained / "model"), Scores.read(trained / "metrics.json")
    assert info.notice.startswith("Synthetic images")
    assert info.provenance.licence == "CC0 1.0"
    for part in ("val", "test"):
        told = info.metrics[part].metrics
        assert {name: told[name].value for name in told} == scores.parts[part].metrics
        assert info.metrics[part].n == scores.parts[part].n
    index, table = load_index(trained / "model", info), open_dataset(phantoms).table
    assert info.prediction_sets.images == table["group"].iloc[split.rows["val"]].nunique()
    assert info.unlike_threshold > 0
    known = table.iloc[split.rows["train"]]
    assert (index.ids, index.labels) == (known["id"].tolist(), known["label"].tolist())
    (opening,) = read_test_access(trained / "test_access.jsonl")
    assert opening.images == len(split.rows["test"])
    history = pd.read_parquet(trained / "history.parquet")
    epoch = len(split.rows["train"]) // 16
    assert history["phase"].tolist() == ["head"] * epoch + ["one_cycle"] * 2 * epoch
    assert (history["lr"][:epoch] == 1e-3).all()


def test_metrics_are_scikit_learns_on_the_stored_predictions(trained, phantoms):
    table = pd.read_parquet(trained / "predictions.parquet")
    split = open_split(open_dataset(phantoms))
    scores = Scores.read(trained / "metrics.json")
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


def test_a_probe_is_the_logistic_regression_on_features_of_the_images(phantoms, tmp_path):
    run = train_small(phantoms, tmp_path / "run", settings={"tuning": "linear_probe", "tta": 1})
    data = open_dataset(phantoms)
    split = open_split(data)
    rows, test = split.rows["train"], split.rows["test"]
    encoder = build_encoder("resnet18_quarter", 3)
    both = np.concatenate([rows, test])
    features = embed(encoder, reader(data.images, both), both, size=32, batch_size=64)
    head = linear_probe(features[: len(rows)], data.labels[rows], classes=8, c=0.1, balanced=True)
    logits = torch.from_numpy(features[len(rows) :]) @ head.weight.T + head.bias
    table = pd.read_parquet(run / "predictions.parquet")
    stored = table[table["split"] == "test"].filter(like="p_").to_numpy()
    np.testing.assert_allclose(stored, logits.detach().softmax(1).numpy(), atol=2e-4)


def test_a_label_fraction_trains_on_that_share(phantoms, tmp_path):
    run = train_small(
        phantoms, tmp_path / "run", label_fraction=0.5, settings={"tuning": "linear_probe"}
    )
    data = open_dataset(phantoms)
    rows = label_fraction(data, open_split(data), 0.5, derive(3, "label_fraction"))
    record = read_run(run)
    assert record.images == len(rows) < len(open_split(data).rows["train"])
    assert record.label_fraction == 0.5


@pytest.mark.parametrize(("least", "steps"), [(0, 1), (300, 2)])
def test_few_labels_are_trained_for_more_epochs(phantoms, tmp_path, least, steps):
    """All 39 labels give two steps an epoch, half of them one."""
    run = train_small(phantoms, tmp_path / "run", label_fraction=0.5, settings={"min_steps": least})
    history = pd.read_parquet(run / "history.parquet")
    assert history["phase"].value_counts().to_dict() == {"head": steps, "one_cycle": 2 * steps}
    assert read_run(run).epochs == 2 * steps


@pytest.mark.parametrize("preset", ["paper", "paper-code"])
def test_the_papers_presets_run(phantoms, tmp_path, preset):
    run = train_small(phantoms, tmp_path / "run", preset=preset, settings={"epochs": 1})
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
        train_small(phantoms, tmp_path / "run", **wrong)
    assert not [*tmp_path.iterdir()]


def test_one_class_is_refused_for_training(class_folder, tmp_path):
    (class_folder / "l.csv").write_text("image,label,split\n0,a,train\n1,a,test\n")
    data = import_images(class_folder, tmp_path / "one", size=8)
    with pytest.raises(UserError, match=r"are 'a', and a classifier needs two classes or more"):
        train(data.path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_was_trained_on_another_split_of_the_same_images_is_refused(tmp_path):
    data = import_images("phantom:160", tmp_path / "data", size=16).path
    make_split(data, test=0.3, seed=1, name="other")
    run = train_small(data, tmp_path / "run", split="imported", settings={"tuning": "linear_probe"})
    with pytest.raises(UserError, match=r"another split of .* than 'other', so it may know these"):
        evaluate(run / "model", data, split="other:test")
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    first = pretrain(
        data,
        tmp_path / "p",
        encoder="resnet18_quarter",
        split="imported",
        settings=settings,
        device="cpu",
    )
    with pytest.raises(UserError, match="another split"):
        train(data, tmp_path / "q", pretrained=first, split="other", device="cpu")


def test_an_mlp_is_trained_kept_and_evaluated_again(trained_mlp, phantoms):
    head = load_bundle(trained_mlp / "model").head
    initial = mlp_classifier(512, 8, 3)
    assert [type(layer) for layer in head] == [type(layer) for layer in initial]
    assert not torch.equal(head[0].weight, initial[0].weight)
    stored = Scores.read(trained_mlp / "metrics.json").test
    again = evaluate(trained_mlp / "model", phantoms, device="cpu", recompute=True)
    assert again.metrics == pytest.approx(stored.metrics)
