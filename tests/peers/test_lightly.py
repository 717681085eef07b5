"""Our self-supervised losses against lightly's."""

from importlib import import_module

import pytest
import torch

from twinlens.pretraining.methods.barlow_twins import barlow_twins
from twinlens.pretraining.methods.byol import byol
from twinlens.pretraining.methods.dino import centred, dino
from twinlens.pretraining.methods.simclr import simclr
from twinlens.pretraining.methods.vicreg import vicreg

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def losses(torchvision):
    return import_module("lightly.loss")


@pytest.fixture(params=[(8, 32), (64, 16)])
def pair(request):
    source = torch.Generator().manual_seed(0)
    z = 0.7 * torch.randn(*request.param, generator=source, dtype=torch.float64)
    return z, z + 0.4 * torch.randn(*request.param, generator=source, dtype=torch.float64)


def _agree(ours, theirs, pair):
    """Same loss and, to both embeddings, same gradient."""
    pair = [z.requires_grad_() for z in pair]
    loss, expected = ours(*pair)[0], theirs(*pair)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
    gradients = (torch.autograd.grad(value, pair) for value in (loss, expected))
    for gradient, other in zip(*gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 3.0, 0.5)])
def test_vicreg_is_lightlys(losses, pair, weights):
    """No factor apart: both follow the authors' code."""
    invariance, variance, covariance = weights
    theirs = losses.VICRegLoss(lambda_param=invariance, mu_param=variance, nu_param=covariance)

    def ours(z1, z2):
        return vicreg(z1, z2, invariance=invariance, variance=variance, covariance=covariance)

    _agree(ours, theirs, pair)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr_is_lightlys(losses, pair, temperature):
    theirs = losses.NTXentLoss(temperature=temperature)
    _agree(lambda z1, z2: simclr(z1, z2, temperature=temperature), theirs, pair)


def test_barlow_twins_is_lightlys(losses, pair):
    theirs = losses.BarlowTwinsLoss(lambda_param=0.01)
    _agree(lambda z1, z2: barlow_twins(z1, z2, lambda_=0.01), theirs, pair)


def test_byol_is_lightlys_negative_cosine_similarity_both_ways(losses, pair):
    source = torch.Generator().manual_seed(1)
    targets = [torch.randn(pair[0].shape, generator=source, dtype=torch.float64) for _ in "12"]
    negative = losses.NegativeCosineSimilarity()

    def theirs(p1, p2):  # a squared distance on the unit sphere is 2 - 2 cos
        return 4 + 2 * negative(p1, targets[1]) + 2 * negative(p2, targets[0])

    _agree(lambda p1, p2: byol(p1, p2, *targets), theirs, pair)


def test_dino_is_lightlys_over_small_views_too_and_with_the_centre_of_the_step_before(losses):
    source = torch.Generator().manual_seed(0)
    student = torch.rand(4, 8, 16, generator=source, dtype=torch.float64)
    teacher = torch.rand(2, 8, 16, generator=source, dtype=torch.float64)
    theirs, centre = losses.DINOLoss(output_dim=16, teacher_temp=0.04), torch.zeros(16).double()
    for _ in range(2):
        targets = tuple(centred(view, centre, 0.04) for view in teacher)
        ours = dino(*student, targets=targets, temperature=0.1)[0]
        expected = theirs([*teacher], [*student], teacher_temp=0.04)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=0)  # their .04 is of fp32
        centre = 0.9 * centre + 0.1 * teacher.mean((0, 1))
