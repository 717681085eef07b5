from collections import OrderedDict
from collections.abc import Callable

import pytest
from torch import nn

from twinlens.models.encoders import ENCODERS, EncoderSpec
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.views.recipes import RECIPES


def _tiny() -> nn.Module:
    layers = {
        "conv1": nn.Conv2d(3, 4, 3, bias=False),
        "bn1": nn.BatchNorm2d(4),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
    }
    return nn.Sequential(OrderedDict(layers))


@pytest.fixture
def tiny(monkeypatch) -> str:
    """Name of an encoder that costs no time: one convolution, four features."""
    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(_tiny, feature_dim=4))
    return "tiny"


@pytest.fixture
def make_info(tiny) -> Callable[..., BundleInfo]:
    """A function that returns the description of a bundle, some of its fields changed."""

    def make(data="d", split="s", seed=0, **changes) -> BundleInfo:
        fields = {
            "encoder": tiny,
            "normalisation": Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
            "classes": ["MEL", "NV"],
            "class_info": {"MEL": {"title": "Melanoma", "group": "malignant"}},
            "size": 64,
            "test_time": TestTimeAugmentation(
                views=3, clean=True, recipe=RECIPES["paper-code"], seed=4
            ),
            "precision": "bf16",
            "provenance": Provenance(
                trained_on=TrainedOn(data_hash=data, split_hash=split),
                label_fraction=0.5,
                seed=seed,
                weights=InitialWeights(name="random"),
                settings={"epochs": 40},
            ),
        }
        return BundleInfo(**(fields | changes))

    return make
