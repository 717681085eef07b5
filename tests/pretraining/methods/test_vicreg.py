import math

import pytest
import torch

from twinlens.pretraining.methods.vicreg import covariances, variance_hinge, vicreg

WEIGHTS = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}


def _by_loops(z1, z2, invariance, variance, covariance, eps=1e-4):
    """The three terms of the authors' code, a number at a time."""
    n, d = z1.shape
    distance = sum((z1[k, i] - z2[k, i]).item() ** 2 for k in range(n) for i in range(d)) / (n * d)
    hinge = spill = 0.0
    for z in (z1, z2):
        means = [sum(z[k, i].item() for k in range(n)) / n for i in range(d)]
        for i in range(d):
            for j in range(d):
                products = [(z[k, i] - means[i]) * (z[k, j] - means[j]) for k in range(n)]
                c = sum(products).item() / (n - 1)
                if i == j:
                    hinge += max(0.0, 1 - math.sqrt(c + eps)) / d / 2
                else:
                    spill += c**2 / d
    return invariance * distance + variance * hinge + covariance * spill


def _pair(n, d, scale=0.8):
    source = torch.Generator().manual_seed(0)
    z = scale * torch.randn(n, d, generator=source, dtype=torch.float64)
    return z, z + 0.3 * torch.randn(n, d, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 0.0, 0.0), (0.3, 0.5, 0.7)])
def test_it_equals_the_formula_written_with_loops(weights):
    z1, z2 = _pair(9, 5)
    loss, terms = vicreg(z1, z2, **dict(zip(WEIGHTS, weights, strict=True)))
    assert terms["variance"] > 0
    assert loss.item() == pytest.approx(_by_loops(z1, z2, *weights), abs=1e-12)


def test_the_loss_is_its_weighted_terms():
    z1, z2 = _pair(16, 6)
    loss, terms = vicreg(z1, z2)
    assert loss.item() == pytest.approx(sum(WEIGHTS[t] * terms[t].item() for t in WEIGHTS))


def test_identical_views_have_no_distance():
    z = _pair(16, 6)[0]
    assert vicreg(z, z)[1]["invariance"] == 0


def test_decorrelated_dimensions_of_deviation_one_cost_nothing():
    z = _pair(32, 8)[0]
    z = torch.linalg.qr(z - z.mean(0)).Q * math.sqrt(31)
    assert vicreg(z, z)[0].item() == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("gamma", [1.0, 2.5])
def test_collapsed_embeddings_give_the_whole_hinge(gamma):
    z = torch.full((8, 4), 3.0, dtype=torch.float64)
    assert variance_hinge(z, gamma, eps=0.0).item() == gamma
    loss, terms = vicreg(z, z, gamma=gamma)
    assert terms["variance"].item() == pytest.approx(gamma - 0.01)
    assert loss.item() == pytest.approx(25 * (gamma - 0.01))


def test_collapsed_embeddings_have_a_finite_gradient():
    z = torch.ones(8, 4, requires_grad=True)
    vicreg(z, z + 1e-3)[0].backward()
    assert z.grad.isfinite().all()


def test_repeated_dimensions_cost_their_covariances():
    z = _pair(32, 1)[0]
    z = ((z - z.mean()) / z.std()).repeat(1, 4)
    assert covariances(z).item() == pytest.approx(4 - 1)


def test_a_shift_of_all_images_changes_the_distance_alone():
    z1, z2 = _pair(16, 6)
    _, before = vicreg(z1, z2)
    _, after = vicreg(z1 + 5, z2 + 5)
    assert all(after[term] == pytest.approx(before[term].item()) for term in before)
    _, apart = vicreg(z1, z1 + 5)
    assert apart["invariance"].item() == pytest.approx(25)
