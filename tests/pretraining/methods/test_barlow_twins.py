import math

import pytest
import torch

from twinlens.pretraining.methods.barlow_twins import (
    barlow_twins,
    cross_correlation,
    redundancy_floor,
    standardise,
)


def _by_loops(z1, z2, lambda_, eps):
    """Equation 1 of the paper, a number at a time."""
    n, d = z1.shape

    def column(z, i):
        values = [z[k, i].item() for k in range(n)]
        mean = sum(values) / n
        deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / n + eps)
        return [(v - mean) / deviation for v in values]

    loss = 0.0
    for i in range(d):
        for j in range(d):
            c = sum(a * b for a, b in zip(column(z1, i), column(z2, j), strict=True)) / n
            loss += (c - 1) ** 2 if i == j else lambda_ * c**2
    return loss


def _pair(n, d, seed=0):
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=source, dtype=torch.float64)
    return z, z + 0.5 * torch.randn(n, d, generator=source, dtype=torch.float64)


def _decorrelated(n, d):
    """Columns of mean 0 that are orthogonal: n > d."""
    z = torch.randn(n, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return torch.linalg.qr(z - z.mean(0)).Q


@pytest.mark.parametrize(("lambda_", "eps"), [(0.0051, 1e-5), (1 / 8192, 0.0), (1.0, 1e-5)])
def test_it_equals_the_equation_written_with_loops(lambda_, eps):
    z1, z2 = _pair(9, 5)
    loss, _ = barlow_twins(z1, z2, lambda_=lambda_, eps=eps)
    assert loss.item() == pytest.approx(_by_loops(z1, z2, lambda_, eps), abs=1e-12)


def test_lambda_defaults_to_one_over_the_dimension():
    z1, z2 = _pair(9, 5)
    assert barlow_twins(z1, z2)[0] == barlow_twins(z1, z2, lambda_=1 / 5)[0]


def test_identical_decorrelated_views_give_zero():
    z = _decorrelated(32, 8)
    loss, terms = barlow_twins(z, z, lambda_=0.0051, eps=0.0)
    assert loss.item() == pytest.approx(0.0, abs=1e-20)
    assert terms["floor"].item() == 0.0


def test_opposite_views_give_four_a_dimension():
    z = _decorrelated(32, 8)
    assert barlow_twins(z, -z, eps=0.0)[0].item() == pytest.approx(4 * 8)


def test_neither_scale_nor_shift_nor_order_of_images_matters():
    z1, z2 = _pair(16, 6)
    expected = barlow_twins(z1, z2, eps=0.0)[0]
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    scale = torch.arange(1, 7, dtype=torch.float64)
    assert barlow_twins(z1 * scale + 3, z2 / scale - 1, eps=0.0)[0] == pytest.approx(expected)
    assert barlow_twins(z1[order], z2[order], eps=0.0)[0] == pytest.approx(expected)
    assert barlow_twins(z2, z1, eps=0.0)[0] == pytest.approx(expected)


def test_the_loss_is_its_terms():
    z1, z2 = _pair(16, 6)
    loss, terms = barlow_twins(z1, z2, lambda_=0.1)
    assert loss == pytest.approx((terms["invariance"] + 0.1 * terms["redundancy"]).item())
    C = cross_correlation(z1, z2)
    assert C.shape == (6, 6)
    assert terms["invariance"] == pytest.approx((C.diagonal() - 1).square().sum().item())


def test_standardised_columns_have_mean_zero_and_biased_deviation_one():
    z = standardise(_pair(10, 4)[0] * 7 + 2, eps=0.0)
    assert z.mean(0).abs().max() < 1e-12
    assert (z.std(0, correction=0) - 1).abs().max() < 1e-12


def test_gradients_are_those_of_finite_differences():
    z1, z2 = (z.requires_grad_() for z in _pair(6, 3))
    assert torch.autograd.gradcheck(lambda a, b: barlow_twins(a, b, lambda_=0.1)[0], (z1, z2))


def test_autocast_does_not_lower_its_precision():
    z1, z2 = (z.float() for z in _pair(64, 32))
    expected = barlow_twins(z1, z2)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(barlow_twins(z1, z2)[0], expected)
    half, _ = barlow_twins(z1.bfloat16(), z2.bfloat16())
    assert half.dtype == torch.float32


@pytest.mark.parametrize(("n", "d"), [(4, 16), (8, 64), (128, 1024)])
def test_with_fewer_images_than_dimensions_redundancy_never_falls_below_its_floor(n, d):
    assert redundancy_floor(n, d) == pytest.approx(d * d / (n - 1) - d)
    for seed in range(3):
        z = _pair(n, d, seed)[0]
        _, terms = barlow_twins(z, z, eps=0.0)
        assert terms["redundancy"].item() >= redundancy_floor(n, d) - 1e-6
    # It is reached: columns that repeat an orthonormal basis, each as often as the others.
    basis = _decorrelated(n, n - 1)
    repeats = 4
    z = basis.repeat(1, repeats)
    _, terms = barlow_twins(z, z, eps=0.0)
    assert terms["redundancy"].item() == pytest.approx(redundancy_floor(n, repeats * (n - 1)))


def test_enough_images_have_no_floor():
    assert redundancy_floor(65, 64) == 0.0
    assert redundancy_floor(1, 64) == 0.0
