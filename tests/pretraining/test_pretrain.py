import random
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine import loop
from twinlens.engine.failed_step import FailedStep
from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.files import read_json, sha256
from twinlens.finetuning.train import train
from twinlens.importing.import_images import import_images
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.tensor_files import read_header, save_tensors
from twinlens.models.weights import load_weights
from twinlens.pretraining import pretrain as module
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.pretrained_encoder import read_pretraining
from twinlens.records.weights import Normalisation
from twinlens.reporting.load_run import read_run
from twinlens.splitting.split import split as make_split

SMALL = {"epochs": 1, "batch_size": 32, "projector": [16, 16], "lr": 1e-3, "precision": "fp32"}
SMALL |= {"monitor_points": 2}  # one a phase


def _pretrain(data, out, *, settings=None, **options):
    common = {"encoder": "resnet18_quarter", "device": "cpu", "seed": 3}
    return pretrain(data, out, settings=SMALL | (settings or {}), **common | options)


@pytest.fixture(scope="module")
def finished(phantoms, tmp_path_factory):
    return _pretrain(phantoms, tmp_path_factory.mktemp("pretraining") / "run")


def test_a_run_keeps_what_it_was(finished, phantoms):
    names = {path.name for path in finished.iterdir()}
    kept = {
        "encoder.safetensors",
        "history.csv",
        "history.parquet",
        "lr_finder.json",
        "monitor.json",
        "run.json",
    }
    kept |= {
        "README.md",
        "monitor.csv",
        "embedding.parquet",
        "neighbours.json",
        "neighbours.png",
        "seen_images.parquet",
        "views.png",
    }
    assert names == kept
    record, data = read_pretraining(finished), open_dataset(phantoms)
    split = open_split(data)
    assert record.data.hash == data.hash
    assert record.data.split_hash == split.hash
    assert record.images == len(split.rows["train"]) + len(split.rows["unlabelled"])
    assert record.settings.model_extra["lambda"] == 0.0051
    assert [recipe.blur.p for recipe in record.recipes] == [1.0, 0.1]
    assert record.environment.precision == "fp32"
    assert record.request.changed_settings()["batch_size"] == 32
    assert record.command == replace(record.request, split=split.name).command_line()
    history = pd.read_parquet(finished / "history.parquet")
    steps = record.images // 32
    assert history["phase"].tolist() == ["projector"] * steps + ["one_cycle"] * steps
    assert {"invariance", "redundancy", "floor", "seconds"} < set(history)


def test_the_encoder_loads_into_ours_and_has_moved(finished):
    encoder = build_encoder("resnet18_quarter", 3)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    load_weights(encoder, str(finished / "encoder.safetensors"))
    after = encoder.state_dict()
    assert "layer4.1.conv2.weight" in after
    assert not torch.equal(before["layer4.1.conv2.weight"], after["layer4.1.conv2.weight"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(phantoms, tmp_path, finished):
    first = load_file(finished / "encoder.safetensors")
    again = load_file(_pretrain(phantoms, tmp_path / "a") / "encoder.safetensors")
    other = load_file(_pretrain(phantoms, tmp_path / "b", seed=4) / "encoder.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


@pytest.mark.parametrize("call", random.Random(1).sample(range(2, 6), 3))
def test_killed_in_either_phase_and_resumed_the_weights_are_the_same(
    phantoms, tmp_path, monkeypatch, finished, call
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    whole, calls = METHODS["barlow_twins"].loss, iter(range(1, 100))

    def loss(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setitem(
        METHODS._loaded, "barlow_twins", replace(METHODS["barlow_twins"], loss=loss)
    )
    with pytest.raises(KeyboardInterrupt):
        _pretrain(phantoms, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match=r"run\.partial is left from an interrupted.*--resume"):
        _pretrain(phantoms, tmp_path / "run")
    with pytest.raises(UserError, match=r"started with other settings \(seed\)"):
        _pretrain(phantoms, tmp_path / "run", seed=9, resume=True)
    _pretrain(phantoms, tmp_path / "run", resume=True)
    whole = load_file(finished / "encoder.safetensors")
    resumed = load_file(tmp_path / "run" / "encoder.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    seen, again = (read_json(run / "monitor.json") for run in (finished, tmp_path / "run"))
    assert seen == again


def test_a_step_that_is_not_finite_is_kept_with_its_images(phantoms, tmp_path, monkeypatch):
    method = METHODS["barlow_twins"]

    def loss(*arguments):
        value, terms = method.loss(*arguments)
        return value * torch.nan, terms

    monkeypatch.setitem(METHODS._loaded, "barlow_twins", replace(method, loss=loss))
    with pytest.raises(UserError, match=r"run\.nan holds the batch"):
        _pretrain(phantoms, tmp_path / "run", settings={"monitor_points": 0})
    record = FailedStep.read(tmp_path / "run.nan" / "step.json")
    assert record.step == 0
    assert len(record.images) == 32
    assert {*record.images} <= {*open_dataset(phantoms).table["id"]}
    assert [path.name for path in tmp_path.iterdir()] == ["run.nan"]


def test_an_attempt_is_resumed_with_another_way_to_look_unless_that_decides(
    phantoms, tmp_path, monkeypatch
):
    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_snapshot", killed)
        with pytest.raises(KeyboardInterrupt):
            _pretrain(phantoms, tmp_path / "run")
    with pytest.raises(
        UserError, match=r"other settings \(keep, monitor_points, probe_label_fraction\)"
    ):
        _pretrain(phantoms, tmp_path / "run", settings={"keep": "best_probe"}, resume=True)
    looking = {"monitor_points": 1, "probe_label_fraction": 0.5}
    run = _pretrain(phantoms, tmp_path / "run", settings=looking, resume=True)
    assert read_pretraining(run).settings.monitor_points == 1


def test_images_are_trained_on_and_evaluated_at_the_size_asked_for(
    phantoms, tmp_path, monkeypatch, finished
):
    seen = set()

    def watched(encoder, images):
        seen.add(images.shape[-1])
        return forward(encoder, images)

    forward = Encoder.forward
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "forward", watched)
        patch.setattr(module, "write_snapshot", _killed)
        with pytest.raises(KeyboardInterrupt):
            _pretrain(phantoms, tmp_path / "run", settings={"image_size": 24})
    assert seen == {24}
    with pytest.raises(UserError, match=r"started with other settings \(image_size\)"):
        _pretrain(phantoms, tmp_path / "run", resume=True)
    run = _pretrain(phantoms, tmp_path / "run", settings={"image_size": 24}, resume=True)
    ours, theirs = (load_file(path / "encoder.safetensors") for path in (run, finished))
    assert not torch.equal(ours["conv1.weight"], theirs["conv1.weight"])
    for path, size in ((run, 24), (finished, 32)):
        assert f"{size} x {size} pixels |" in (path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("frozen", [True, False])
def test_while_the_encoder_is_frozen_only_paper_code_moves_its_statistics(
    phantoms, tmp_path, frozen
):
    run = _pretrain(phantoms, tmp_path / "run", settings={"epochs": 0, "frozen_batchnorm": frozen})
    before = build_encoder("resnet18_quarter", 3).state_dict()
    after = load_file(run / "encoder.safetensors")
    assert torch.equal(before["conv1.weight"], after["conv1.weight"])
    assert torch.equal(before["bn1.running_mean"], after["bn1.running_mean"]) is frozen


def test_validation_and_test_images_are_seen_by_all_alone(phantoms):
    split = open_split(open_dataset(phantoms))
    hidden = {*split.rows["val"], *split.rows["test"]}
    for name, choose in IMAGES.items():
        seen = {*choose.rows(split)}
        assert hidden <= seen if name == "all" else not hidden & seen


@pytest.mark.slow
def test_what_saw_validation_and_test_images_says_so_everywhere(phantoms, tmp_path, capsys):
    settings = {"epochs": 0, "projector_epochs": 0, "monitor_points": 1}
    for images in ("all", "unlabelled"):
        run = _pretrain(phantoms, tmp_path / images, images=images, settings=settings)
        probed = {"tuning": "linear_probe", "precision": "fp32"}
        weights = {"weights": str(run / "encoder.safetensors")}
        further = _pretrain(phantoms, tmp_path / f"{images}, twice", settings=settings, **weights)
        for number, start in enumerate(
            (
                {"pretrained": run},
                weights | {"encoder": "resnet18_quarter"},
                {"pretrained": further},
            )
        ):
            trained = train(phantoms, tmp_path / f"{images} {number}", settings=probed, **start)
            evaluate(trained / "model", phantoms, split="test")
            assert read_run(trained).transductive is (images == "all")
        assert capsys.readouterr().err.count("Transductive: ") == (8 if images == "all" else 0)
        for folder, choice in ((run, images), (further, "unlabelled")):
            record = read_pretraining(folder)
            assert record.transductive is (images == "all")
            assert record.request.images == choice
            assert ("**Transductive" in (folder / "README.md").read_text()) is (images == "all")
            header = read_header(folder / "encoder.safetensors")
            assert any(training.transductive for training in header.history) == (images == "all")


def test_a_file_of_another_split_of_the_same_images_is_refused(tmp_path):
    data = import_images("phantom:160", tmp_path / "data", size=16).path
    make_split(data, test=0.3, seed=1, name="other")
    settings = {"epochs": 0, "projector_epochs": 0, "monitor_points": 0}
    run = _pretrain(data, tmp_path / "run", split="imported", settings=settings)
    start = {
        "weights": str(run / "encoder.safetensors"),
        "encoder": "resnet18_quarter",
        "split": "other",
    }
    for command in (pretrain, train):
        with pytest.raises(UserError, match=r"encoder\.safetensors was trained on another split"):
            command(data, tmp_path / "further", device="cpu", **start)
    assert not (tmp_path / "further").exists()


def test_a_file_keeps_its_normalisation_and_its_content_is_part_of_what_was_asked_for(
    phantoms, tmp_path, monkeypatch
):
    settings = {"epochs": 0, "monitor_points": 0}
    weights = tmp_path / "encoder.safetensors"
    first = _pretrain(phantoms, tmp_path / "first", preset="paper", settings=settings)
    shutil.copy(first / weights.name, weights)
    further = _pretrain(phantoms, tmp_path / "run", weights=str(weights), settings=settings)
    record = read_pretraining(further)
    assert record.normalisation == Normalisation(mean=(0, 0, 0), std=(1, 1, 1))
    assert record.initial_weights.sha256 == sha256(weights)
    monkeypatch.setattr("twinlens.pretraining.pretrain.write_views", _killed)
    with pytest.raises(KeyboardInterrupt):
        _pretrain(phantoms, tmp_path / "killed", weights=str(weights), settings=settings)
    save_tensors(weights, build_encoder("resnet18_quarter", seed=9).state_dict())
    with pytest.raises(UserError, match=r"started with other settings \(.*initial_weights"):
        _pretrain(
            phantoms, tmp_path / "killed", weights=str(weights), settings=settings, resume=True
        )


def _killed(*_, **_options):
    raise KeyboardInterrupt


def test_a_folder_without_labels_is_enough(tmp_path, draw):
    for number in range(34):
        draw(tmp_path / "photos" / f"{number}.png", number)
    import_images(tmp_path / "photos", tmp_path / "data", size=16)
    run = _pretrain(tmp_path / "data", tmp_path / "run", settings={"projector_epochs": 0})
    record = read_pretraining(run)
    assert record.images == 34
    assert record.data.classes == []


@pytest.mark.parametrize("preset", ["paper", "paper-code"])
def test_the_papers_presets_run(phantoms, tmp_path, preset):
    run = _pretrain(phantoms, tmp_path / "run", preset=preset)
    record = read_pretraining(run)
    assert record.settings.joint_forward is (preset == "paper-code")
    assert record.normalisation == Normalisation(mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"encoder": "resnet19"}, "Unknown encoder 'resnet19'.*resnet18"),
        ({"preset": "papper"}, "Unknown preset 'papper'. Did you mean 'paper'"),
        ({"images": "every"}, "Unknown choice of images 'every'.*all, train, unlabelled"),
        ({"weights": "none.pth"}, "'none.pth' are neither 'random' nor 'pretrained' nor a file"),
        ({"split": "mine"}, "Unknown split 'mine'.*imported"),
        ({"settings": {"method": "barlow"}}, "Unknown method 'barlow'.*barlow_twins"),
        ({"settings": {"views": "strange"}}, "Unknown recipe of views 'strange'.*recommended"),
        (
            {"settings": {"view_changes": {"crop": {"size": 1}}}},
            "Settings of the views: Unknown key below 'crop': 'size'.*scale",
        ),
        ({"settings": {"epoch": 3}}, "Unknown key 'epoch'. Did you mean 'epochs'"),
        ({"settings": {"epochs": -3}}, r"The key 'epochs' is wrong \(given: -3\)"),
        ({"settings": {"batch_size": 4096}}, "batch size 4096 is larger than the 102 images"),
    ],
)
def test_mistakes_are_sentences(phantoms, tmp_path, wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        _pretrain(phantoms, tmp_path / "run", **wrong)
    assert not [*tmp_path.iterdir()]
