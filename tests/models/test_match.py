import pytest
import torch

from twinlens.models.encoders import build_encoder
from twinlens.models.match import describe_match, match, misfits


@pytest.fixture
def encoder(tiny):
    return build_encoder(tiny, seed=0)


def test_the_sum_is_that_of_the_parameters_alone(encoder):
    ones = {key: torch.ones_like(tensor) for key, tensor in encoder.state_dict().items()}
    assert match(encoder, ones).total == 4 * 3 * 3 * 3 + 4 + 4
    tiny = {key: torch.full_like(tensor, 1e-3) for key, tensor in encoder.state_dict().items()}
    assert match(encoder, tiny).total == pytest.approx(0.116, rel=1e-7)


def test_a_match_is_described_with_what_was_dropped(encoder):
    tensors = encoder.state_dict() | {"fc.weight": torch.zeros(10, 4)}
    assert describe_match(encoder, match(encoder, tensors)) == (
        "loaded 6 of 6 tensors; dropped fc.weight"
    )


def test_many_dropped_tensors_are_described_by_the_parts_that_they_are_of(encoder):
    tensors = {f"module.encoder_q.{key}": tensor for key, tensor in encoder.state_dict().items()}
    for key in ("encoder_k.conv1.weight", "encoder_k.fc.bias", "encoder_q.fc.0.bias", "queue"):
        tensors[f"module.{key}"] = torch.zeros(1)
    assert describe_match(encoder, match(encoder, tensors)) == (
        "loaded 6 of 6 tensors; dropped module.encoder_k (2), module.encoder_q.fc, module.queue"
    )


def test_scalars_have_a_shape_too():
    assert misfits({"a": torch.zeros(2)}, {"a": torch.tensor(1.0)}) == (
        "1 of another shape: a is scalar instead of 2"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_do_not_fit(encoder, value):
    tensors = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    tensors["bn1.weight"][1] = value
    assert match(encoder, tensors).problems == (
        "1 not finite, so the training that wrote them diverged: bn1.weight"
    )
