import re

import pytest
import torch
import yaml

from stored_runs import DATA, ENVIRONMENT, evaluation, pretrain_run
from twinlens.models.encoders import ENCODERS, EncoderSpec, build_encoder
from twinlens.models.published import WEIGHTS
from twinlens.models.tensor_files import read_header, save_tensors
from twinlens.pretraining.card import metadata, write_card
from twinlens.records.monitor import MonitorRecord, ProbeData
from twinlens.records.weights import (
    EncoderHeader,
    InitialWeights,
    Normalisation,
    TrainedOn,
    WeightsOrigin,
)
from twinlens.requests.pretrain import PretrainRequest


def _evaluation(step, linear, rank, dispersion):
    return evaluation(
        step=step, linear_probe=linear, knn_probe=linear - 0.05, feature_rank=rank,
        feature_dispersion=dispersion,
    )  # fmt: skip


EVALUATIONS = [
    _evaluation(0, 0.3, 9, 0.2),
    _evaluation(5, 0.5, 19, 0.4),
    _evaluation(9, 0.4, 29, 0.6),
]
PROBE = ProbeData(images=90, folds=3, classes=2, standard_error=0.03)


SETTINGS = {"epochs": 3}
NORMALISATION = Normalisation(mean=(0.5, 0.25, 0.125), std=(0.5, 0.5, 0.5))


@pytest.fixture
def record():
    """A function that returns a pretraining of which some parts are changed."""

    def changed(*, settings=SETTINGS, encoder="resnet18", images="unlabelled", data=None, **fields):
        request = PretrainRequest("/secret/place", "/secret/run", encoder=encoder, images=images)
        about = {
            "path": "/secret/place", "hash": "d1", "classes": ["MEL", "NV"], "split": "mine",
            "split_hash": "s1",
        }  # fmt: skip
        usual = {
            "normalisation": NORMALISATION,
            "images": 1791,
            "verdict": ["The probe rose from 0.300 to 0.400.", "No collapse was seen."],
            "environment": ENVIRONMENT.model_copy(update={"precision": "bf16"}),
            "data": DATA.model_copy(update=about | (data or {})),
        }
        return pretrain_run(request=request, settings=settings, seed=7, **usual | fields)

    return changed


@pytest.fixture
def card(record, tmp_path):
    def write(evaluations=EVALUATIONS, probe=PROBE, **changes):
        run = record(**changes)
        step = re.match(r"step (\d+)", run.kept)
        MonitorRecord(
            images=90, probe=probe, evaluations=evaluations, kept_step=step and int(step[1])
        ).write(tmp_path / "monitor.json")
        write_card(tmp_path, run)
        return (tmp_path / "README.md").read_text(encoding="utf-8")

    return write


def test_the_header_is_what_a_hub_of_models_reads(card):
    _, header, _ = card().split("---\n", 2)
    assert yaml.safe_load(header) == {
        "license": "unknown",
        "library_name": "twinlens",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["self-supervised-learning", "medical-imaging", "barlow-twins"],
    }


def test_the_card_says_what_the_encoder_is_and_saw(card):
    text = card()
    for words in (
        "# resnet18, pretrained by Barlow Twins\n",
        "| started from | random weights |",
        "| views | recipe `recommended`; 32 x 32 pixels |",
        "| epochs | 1 with the encoder frozen, then 3 |",
        "| batch | 256 images |",
        "| weights kept | of the last step |",
        "| precision | bf16, on cpu |",
        "| seed | 7 |",
        "1,791 images of 32 x 32 pixels: the training and unlabelled images of the split `mine`.",
        "It learned nothing from labels (MEL, NV).",
        "It saw no validation or test image.",
        "| data | `d1` |",
        "| split `mine` | `s1` |",
        "The probe rose from 0.300 to 0.400. No collapse was seen.",
        "not a medical device",
    ):
        assert words in text
    assert "ransductive" not in text


def test_no_path_of_the_machine_is_told(card):
    text = card(initial_weights=InitialWeights(name="/secret/file.pth", sha256="abc"))
    assert "secret" not in text
    assert "| started from | the file file.pth, sha256 abc |" in text


def test_published_weights_bring_their_recipe_and_licence(card):
    text = card(initial_weights=InitialWeights(name="barlow_twins", sha256="abc"))
    assert WEIGHTS["barlow_twins"].source in text
    assert "Licence: MIT." in text


def test_weights_of_the_hub_bring_their_licence_and_the_images_that_they_may_have_seen(card):
    place = {
        "source": "hf-hub:a/b",
        "licence": "mit",
        "interpolation": "bicubic",
        "warning": "They may have seen yours.",
    }
    origin = WeightsOrigin(normalisation=Normalisation(mean=(0, 0, 0), std=(1, 1, 1)), **place)
    text = card(initial_weights=InitialWeights(name="pretrained", sha256="abc", origin=origin))
    assert "| started from | hf-hub:a/b, licence mit |\n" in text
    assert "| images seen before | They may have seen yours. |\n| views |" in text


def test_a_transductive_pretraining_is_said_aloud(card):
    text = card(transductive=True, images="all")
    assert "**Transductive: it has seen the validation and test images" in text
    assert "training, unlabelled, validation and test images of the split" in text
    assert "It saw no validation" not in text
    text = card(transductive=True)
    assert "**Transductive: the encoder that it started from has seen the validation" in text
    assert "the training and unlabelled images of the split" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keep": "best_probe"}, "but a probe on them decided which weights to keep."),
        ({"patience": 3}, "but a probe on them decided when to stop."),
        ({"keep": "best_probe", "patience": 3}, "decided which weights to keep and when to stop."),
    ],
)
def test_labels_that_decided_something_are_not_hidden(card, settings, words):
    assert words in card(settings=settings)


def test_without_labels_there_is_nothing_to_say_of_them(card):
    none = {"linear_probe": None, "knn_probe": None}
    bare = [each.model_copy(update=none) for each in EVALUATIONS]
    text = card(data={"classes": []}, evaluations=bare, probe=None)
    assert "They have no labels." in text
    assert "| effective rank of the features | 9.000 | 29.000 |" in text
    assert "The probes" not in text
    assert "linear probe" not in text


def test_the_numbers_are_those_of_the_weights_that_were_kept(card):
    assert "| linear probe, balanced accuracy | 0.300 | 0.400 |" in card()
    text = card(kept="step 5 of 9, the best linear probe", stopped="Stopped at step 9.")
    assert "| linear probe, balanced accuracy | 0.300 | 0.500 |" in text
    assert "| weights kept | step 5 of 9, the best linear probe |" in text
    assert "| ended early | Stopped at step 9. |" in text
    assert "| before | after |" not in card(evaluations=[])


def test_the_terms_of_the_data_and_changed_views_are_there(card):
    text = card(data={"notice": "CC-BY-NC 4.0."}, settings={"view_changes": {"hue": 0.2}})
    assert "\nCC-BY-NC 4.0.\n" in text
    assert "| views | recipe `recommended`, but hue=0.2; 32 x 32 pixels |" in text


@pytest.mark.parametrize(
    ("encoder", "packages"),
    [
        ("resnet18", ["torchvision", "timm"]),
        ("resnet50", ["torchvision", "timm"]),
        ("timm/resnet10t", ["timm"]),
        ("resnet200x2", ["Twinlens"]),
    ],
)
def test_each_encoder_is_loaded_by_the_packages_that_have_it(card, encoder, packages):
    text = card(encoder=encoder)
    assert re.findall(r"### With (\w+)", text) == packages
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(block, "README", "exec")


def test_the_block_for_encoders_of_ours_alone_gives_the_features(card, tmp_path, monkeypatch):
    def build():
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten()
        )

    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(build, feature_dim=3600))
    encoder = build_encoder("tiny", seed=1)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoder(images)  # in train mode: moves BatchNorm's statistics
        expected = encoder.eval()((images - torch.tensor([0.5, 0.25, 0.125])[:, None, None]) / 0.5)
    save_tensors(tmp_path / "encoder.safetensors", encoder.state_dict())
    (block,) = re.findall(r"```python\n(.*?)```", card(encoder="tiny"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    found = {"images": images}
    exec(compile(block, "README", "exec"), found)
    torch.testing.assert_close(found["features"], expected)


def test_the_files_header_says_what_it_is(record, tmp_path):
    path = tmp_path / "encoder.safetensors"
    stopped = {"kept": "step 5 of 9, the best linear probe", "stopped": "Stopped at step 9."}
    history = [TrainedOn(data_hash="d1", split_hash="s1", transductive=True)]
    save_tensors(path, {"x": torch.ones(2)}, metadata(record(**stopped), history))
    assert read_header(path) == EncoderHeader(
        version="0.1.0",
        encoder="resnet18",
        method="barlow_twins",
        epochs=3,
        **stopped,
        images=1791,
        normalisation=NORMALISATION,
        history=tuple(history),
    )
