from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from twinlens.finetuning.averaging import Averaging
from twinlens.finetuning.classifier import Classifier
from twinlens.models.encoders import Encoder
from twinlens.models.lora import merge_lora
from twinlens.models.trainable import choose_trainable


def small() -> Classifier:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(5))
    model = Classifier(encoder, nn.Linear(5, 2))
    model(torch.rand(4, 3, 8, 8))
    return model


def shift(model: nn.Module, by: float) -> None:
    for parameter in model.parameters():
        parameter.data += by


def states(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_without_averages_the_trained_weights_are_kept():
    model = small()
    training = Averaging(model, ema=0, wise_ft=1)
    training.begin()
    shift(model, 1.0)
    training.after_step(0)
    before = states(model)
    training.finish([])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert set(training.state_dict()) == {f"model.{name}" for name in before} | {"begun"}


def test_the_moving_average_is_the_recursion_with_a_rising_decay():
    model = small()
    training = Averaging(model, ema=0.5, wise_ft=1)
    training.begin()
    expected = 0.0
    for step in range(12):
        shift(model, float(step))
        training.after_step(step)
        value = model.head.weight.detach().clone()
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + (1 - decay) * value
    training.finish([])
    torch.testing.assert_close(model.head.weight.detach(), expected)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_wise_ft_lies_between_start_and_end(share):
    model = small()
    training = Averaging(model, ema=0, wise_ft=share)
    training.begin()
    start = states(model)
    shift(model, 2.0)
    model.encoder[1].running_mean += 1.0
    images = torch.rand(32, 3, 8, 8)
    training.finish([images[:16], images[16:]])
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.detach(), start[name] + share * 2.0)
    convolved = model.encoder[0](images)
    means = torch.stack([part.mean((0, 2, 3)) for part in convolved.split(16)]).mean(0)
    torch.testing.assert_close(model.encoder[1].running_mean, means.detach())


def test_a_resumed_training_keeps_its_start_and_its_average():
    model = small()
    training = Averaging(model, ema=0.9, wise_ft=0.5)
    training.begin()
    shift(model, 1.0)
    training.after_step(0)
    resumed = Averaging(small(), ema=0.9, wise_ft=0.5)
    resumed.load_state_dict(training.state_dict())
    resumed.begin()
    for name, value in training.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    assert not np.allclose(resumed.start.head.weight.detach(), resumed.model.head.weight.detach())


def test_statistics_that_training_kept_are_kept():
    model = small()
    training = Averaging(model, ema=0, wise_ft=0.5)
    training.begin()
    before = model.encoder[1].running_mean.clone()
    shift(model, 1.0)
    training.finish([torch.rand(16, 3, 8, 8)])
    assert torch.equal(model.encoder[1].running_mean, before)


def test_of_adapters_the_weights_are_interpolated_and_not_the_factors():
    pytest.importorskip("peft")
    timm = pytest.importorskip("timm")
    network = timm.models.VisionTransformer(
        img_size=16, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=0
    )
    encoder = Encoder("tiny", network, feature_dim=16, mean=(0,) * 3, std=(1,) * 3, default_size=16)
    before = states(encoder)
    choose_trainable(encoder, "lora", rank=2, seed=0)
    training = Averaging(Classifier(encoder, nn.Linear(16, 2)), ema=0, wise_ft=0.3)
    training.begin()
    adapters = [p for name, p in encoder.named_parameters() if "lora_" in name]
    for parameter in adapters:
        nn.init.normal_(parameter)
    trained = deepcopy(encoder)
    merge_lora(trained)
    training.finish([])
    assert len(adapters) == 4
    for name, value in encoder.state_dict().items():
        expected = 0.7 * before[name] + 0.3 * trained.state_dict()[name]
        torch.testing.assert_close(value, expected)
