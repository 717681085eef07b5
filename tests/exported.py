"""Fixtures of what can be exported: a small model, an ensemble of two, and the file of one."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.ensemble import write_ensemble
from twinlens.models.heads import classifier
from twinlens.records.bundle import (
    BundleInfo,
    PredictionSets,
    Provenance,
    TestTimeAugmentation,
)
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.views.recipes import RECIPES

SETS = PredictionSets(
    coverage=0.9, images=20, threshold=0.7, by_class={"MEL": 0.9, "NV": 0.5, "BCC": None}
)


@pytest.fixture(scope="session")
def make_small_model() -> Callable[..., Path]:
    """A function that writes a bundle with a random network, and returns its folder."""

    def make(folder: Path, seed: int = 0, **changes: object) -> Path:
        encoder = build_encoder("resnet18_quarter", seed=seed)
        head = classifier(encoder.feature_dim, 3, seed=seed)
        nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():  # so that the running statistics are not the initial ones
            encoder(torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(seed)))
        test_time = TestTimeAugmentation(views=3, clean=True, recipe=RECIPES["paper"], seed=0)
        fields = {
            "encoder": "resnet18_quarter",
            "normalisation": Normalisation(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
            "classes": ["MEL", "NV", "BCC"],
            "class_info": {"MEL": {"title": "Melanoma", "group": "malignant"}},
            "size": 32,
            "test_time": test_time,
            "temperature": 1.7,
            "prediction_sets": SETS,
            "provenance": Provenance(
                trained_on=TrainedOn(data_hash="d", split_hash="s"),
                label_fraction=1.0,
                seed=seed,
                weights=InitialWeights(name="random"),
                settings={},
            ),
        }
        save_bundle(folder, encoder, head, BundleInfo(**(fields | changes)))
        return folder

    return make


@pytest.fixture(scope="session")
def small_model(make_small_model, tmp_path_factory) -> Path:
    return make_small_model(tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="session")
def small_ensemble(make_small_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    members = {f"m{seed}": make_small_model(folder / f"m{seed}", seed) for seed in (0, 1)}
    (folder / "both").mkdir()
    write_ensemble(folder / "both", members, temperature=0.8)
    return folder / "both"


@pytest.fixture(scope="session")
def onnx_file(small_model, tmp_path_factory) -> Path:
    """The model as ONNX, written once for all tests that only read it."""
    from twinlens.exporting.export import export

    pytest.importorskip("onnxscript")
    return export(small_model, tmp_path_factory.mktemp("onnx") / "model.onnx").path
