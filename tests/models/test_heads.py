import pytest
import torch
from torch import nn

from twinlens.models.heads import HEADS, classifier, mlp_classifier, projector


def test_projector_is_the_papers():
    layers = list(projector(2048, (64, 64, 32), seed=0))
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    assert [type(layer) for layer in layers] == kinds
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linear]
    assert sizes == [(2048, 64), (64, 64), (64, 32)]
    assert all(layer.bias is None for layer in linear)


def test_projector_computes_layer_by_layer():
    head = projector(6, (5, 4), seed=0).double()
    features = torch.rand(8, 6, dtype=torch.float64)
    first, _, _, last = head
    hidden = features @ first.weight.T
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(head(features), hidden.clamp(min=0) @ last.weight.T)


def test_projector_of_one_layer_is_one_linear():
    (layer,) = projector(6, (3,), seed=0, bias=True)
    assert layer.bias is not None


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: projector(6, (5, 4), seed=seed)[0],
        lambda seed: classifier(6, 3, seed),
        lambda seed: mlp_classifier(6, 3, seed)[-1],
    ],
)
def test_weights_depend_on_the_seed_alone(build):
    before = torch.get_rng_state()
    assert torch.equal(build(0).weight, build(0).weight)
    assert not torch.equal(build(0).weight, build(1).weight)
    assert torch.equal(before, torch.get_rng_state())


def test_classifier_gives_a_logit_for_each_class():
    head = classifier(6, 3, seed=0)
    features = torch.rand(2, 6)
    torch.testing.assert_close(head(features), features @ head.weight.T + head.bias)
    assert head.out_features == 3


def test_the_mlp_has_the_sizes_of_khan_et_al():
    layers = list(mlp_classifier(2048, 4, seed=0))
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]
    sizes = [(layer.in_features, layer.out_features) for layer in layers[::2]]
    assert sizes == [(2048, 4096), (4096, 1000), (1000, 512), (512, 4)]


@pytest.mark.parametrize("name", HEADS)
def test_every_head_gives_a_finite_logit_for_each_class(name):
    logits = HEADS[name](6, 3, 0)(torch.rand(5, 6))
    assert logits.shape == (5, 3)
    assert logits.isfinite().all()
