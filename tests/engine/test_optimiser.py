import pytest
import torch
from torch import nn

from twinlens.engine.optimiser import adamw


@pytest.fixture
def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def test_it_decays_matrices_and_spares_biases_and_norms(net):
    decayed, spared = adamw(net, weight_decay=0.1).param_groups
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in spared["params"]} == {1}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_parameters_of_one_scale_and_decay_are_a_group_and_frozen_ones_in_none(net):
    net[1].requires_grad_(False)
    groups = adamw(net, weight_decay=0.1, lr_scales={"0.weight": 0.5}).param_groups
    found = {(g["lr_scale"], g["weight_decay"]): len(g["params"]) for g in groups}
    assert found == {(0.5, 0.1): 1, (1.0, 0.0): 2, (1.0, 0.1): 1}


def test_without_decay_it_is_adam(net):
    theirs = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    theirs.load_state_dict(net.state_dict())
    for module in (net, theirs):
        module.eval()  # else the bias before BatchNorm has no gradient but rounding errors
    ours = adamw(net, weight_decay=0.0)
    adam = torch.optim.Adam(theirs.parameters(), betas=(0.9, 0.99), eps=1e-5)
    for group in ours.param_groups + adam.param_groups:
        group["lr"] = 1e-2
    for _ in range(3):
        for module, optimizer in ((net, ours), (theirs, adam)):
            optimizer.zero_grad()
            module(torch.linspace(-1, 1, 30).reshape(5, 6)).pow(2).sum().backward()
            optimizer.step()
    for a, b in zip(net.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)
