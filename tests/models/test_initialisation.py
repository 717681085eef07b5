import torch
from torch import nn

from twinlens.models.initialisation import seeded_initialisation


def weight(seed: int, *names: str) -> torch.Tensor:
    with seeded_initialisation(seed, *names):
        return nn.Linear(3, 2).weight


def test_depends_on_seed_and_names_alone():
    first = weight(0, "head")
    torch.rand(5)
    assert torch.equal(first, weight(0, "head"))
    assert not torch.equal(first, weight(1, "head"))
    assert not torch.equal(first, weight(0, "projector"))


def test_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    weight(0, "head")
    assert torch.equal(before, torch.get_rng_state())
