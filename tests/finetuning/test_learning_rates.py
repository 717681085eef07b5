import pytest

from twinlens.engine.optimiser import adamw
from twinlens.finetuning.classifier import Classifier
from twinlens.finetuning.learning_rates import lr_scales
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import classifier
from twinlens.settings.finetuning import FineTuning


@pytest.fixture
def model() -> Classifier:
    encoder = build_encoder("resnet18_quarter", 0)
    return Classifier(encoder, classifier(encoder.feature_dim, 3, 0))


def test_each_block_learns_more_slowly_than_the_one_above_it(model):
    scales = lr_scales(model, FineTuning(encoder_lr=0.5, layer_decay=0.9))
    of = {name: scales[f"encoder.network.{name}.weight"] for name in ("conv1", "layer4.1.conv1")}
    assert of["layer4.1.conv1"] == pytest.approx(0.5 * 0.9)
    assert of["conv1"] == pytest.approx(0.5 * 0.9**9)  # the stem, below eight blocks
    assert set(scales) == {name for name, _ in model.named_parameters() if "encoder" in name}


def test_the_optimiser_has_a_group_for_each_rate_and_none_too_many(model):
    groups = adamw(
        model, weight_decay=0.1, lr_scales=lr_scales(model, FineTuning(layer_decay=0.5))
    ).param_groups
    assert {group["lr_scale"] for group in groups} == {0.5**power for power in range(10)}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    plain = adamw(model, weight_decay=0.1, lr_scales=lr_scales(model, FineTuning())).param_groups
    assert [(group["lr_scale"], group["weight_decay"]) for group in plain] == [(1, 0.1), (1, 0)]
