"""What holds for every method."""

import random
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from twinlens.engine import loop
from twinlens.files import read_json
from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.methods.diet import ImageClassifier
from twinlens.pretraining.methods.mae import MaskedAutoencoder
from twinlens.pretraining.networks import StudentTeacher
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.run import read_run

TERMS = {
    "barlow_twins": {"invariance", "redundancy", "floor"},
    "byol": {"first_to_second", "second_to_first"},
    "diet": {"accuracy", "floor"},
    "dino": {"entropy", "divergence"},
    "lejepa": {"prediction", "sigreg"},
    "mae": {"explained"},
    "simclr": {"alignment", "uniformity", "floor"},
    "vicreg": {"invariance", "variance", "covariance"},
}
ENCODER = {"mae": "timm/test_vit"}
"""Of methods that need a vision transformer."""

every_method = pytest.mark.parametrize("method", METHODS)
every_pair = pytest.mark.parametrize("method", sorted({*METHODS} - {"diet", "mae"}))
"""Methods whose loss compares views: not with a class, nor a prediction with its target."""


def _loss(method, z1, z2, targets=None):
    """The loss; a teacher, where there is one, gives `targets`, or else what the student does."""
    torch.manual_seed(0)  # as the training loop does at each step
    targets = targets or (z1.detach(), z2.detach())
    targets = [z.softmax(1) for z in targets] if method == "dino" else targets
    network = METHODS[method].network
    outputs = (z1, z2, *targets) if issubclass(network, StudentTeacher) else (z1, z2)
    if network is ImageClassifier:
        outputs = (z1, z2, torch.arange(len(z1)) % z1.shape[1])
    if network is MaskedAutoencoder:
        outputs = (z1[:, None], z2[:, None])
    return METHODS[method].loss(*outputs, configure("recommended", {"method": method}, where=""))


def _pair(n, d):
    source = torch.Generator().manual_seed(0)
    z = 0.8 * torch.randn(n, d, generator=source, dtype=torch.float64)
    return z, z + 0.4 * torch.randn(n, d, generator=source, dtype=torch.float64)


def test_every_method_is_listed_here():
    assert set(METHODS) == set(TERMS)
    assert all(METHODS[name].settings().method == name for name in METHODS)


@every_pair
def test_neither_order_of_the_views_nor_of_the_images_matters(method):
    z1, z2 = _pair(16, 6)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    expected = _loss(method, z1, z2)[0].item()
    assert _loss(method, z2, z1)[0].item() == pytest.approx(expected, rel=1e-12)
    assert _loss(method, z1[order], z2[order])[0].item() == pytest.approx(expected, rel=1e-12)
    assert _loss(method, z1[order], z2)[0].item() > 1.01 * expected


@every_method
def test_gradients_are_those_of_finite_differences(method):
    pair = tuple(z.requires_grad_() for z in _pair(6, 3))
    targets = tuple(z.detach().flip(0) for z in pair)
    assert torch.autograd.gradcheck(lambda z1, z2: _loss(method, z1, z2, targets)[0], pair)


@every_method
def test_autocast_does_not_lower_its_precision(method):
    z1, z2 = (z.float() for z in _pair(64, 32))
    expected = _loss(method, z1, z2)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(_loss(method, z1, z2)[0], expected)
    assert _loss(method, z1.bfloat16(), z2.bfloat16())[0].dtype == torch.float32


@every_method
def test_its_terms_are_numbers_apart_from_the_gradient(method):
    z1, z2 = (z.requires_grad_() for z in _pair(8, 4))
    terms = _loss(method, z1, z2)[1]
    assert set(terms) == TERMS[method]
    assert all(term.ndim == 0 and not term.requires_grad for term in terms.values())


def killed_at(patch, method, call):
    """Let the loss of a method raise KeyboardInterrupt when it is called for the nth time."""
    whole, calls = METHODS[method].loss, iter(range(1, call + 1))

    def loss(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return whole(*arguments)

    patch.setitem(METHODS._loaded, method, replace(METHODS[method], loss=loss))


def _pretrain(data, out, method, **options):
    settings = {"method": method, "epochs": 1, "batch_size": 48}
    settings |= {"projector_epochs": 1, "lr": 1e-3, "precision": "fp32", "monitor_points": 1}
    if METHODS[method].settings().projector:
        settings["projector"] = [16, 16]
    encoder = ENCODER.get(method, "resnet18_quarter")
    return pretrain(data, out, encoder=encoder, settings=settings, seed=3, device="cpu", **options)


@pytest.mark.slow
@every_method
def test_it_trains_and_killed_and_resumed_gives_the_same_weights(
    phantoms, tmp_path, monkeypatch, method
):
    whole = _pretrain(phantoms, tmp_path / "whole", method)
    history = pd.read_parquet(whole / "history.parquet")
    assert history["phase"].tolist() == ["projector"] * 2 + ["one_cycle"] * 2
    assert set(history) >= TERMS[method]
    assert history[["loss", *TERMS[method]]].notna().all(axis=None)
    assert read_run(whole).settings.method == method
    weights = load_file(whole / "encoder.safetensors")
    start = build_encoder(ENCODER.get(method, "resnet18_quarter"), 3).state_dict()
    assert start.keys() == weights.keys()
    changed = [name for name in weights if not torch.equal(weights[name], start[name])]
    assert any("blocks" in name or name == "layer4.1.conv2.weight" for name in changed)

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    for call in random.Random(2).sample(range(2, 5), 2):
        out = tmp_path / f"killed in call {call}"
        with monkeypatch.context() as patch:
            killed_at(patch, method, call)
            with pytest.raises(KeyboardInterrupt):
                _pretrain(phantoms, out, method)
        resumed = _pretrain(phantoms, out, method, resume=True)
        again = load_file(resumed / "encoder.safetensors")
        assert all(torch.equal(weights[name], again[name]) for name in weights)
        assert len(pd.read_parquet(resumed / "history.parquet")) == 4


PLUGIN = '''
from typing import Literal

from twinlens.pretraining.method import Method
from twinlens.settings.pretraining import Pretraining


class Distance(Pretraining):
    """Settings of a method that only pulls both views together."""

    method: Literal["distance"] = "distance"
    power: float = 2.0


METHOD = Method(
    title="Distance",
    citation="nowhere",
    settings=Distance,
    loss=lambda z1, z2, c: ((z1 - z2).abs().pow(c.power).mean(), {}),
    reported={"power": "power"},
)
'''


def test_another_package_adds_a_method(phantoms, tmp_path, plug_in):
    plug_in(METHODS, "distance", "distances:METHOD", PLUGIN)
    run = _pretrain(phantoms, tmp_path / "run", "distance")
    assert read_json(run / "run.json")["settings"]["power"] == 2
    assert "Distance" in (run / "README.md").read_text(encoding="utf-8")
