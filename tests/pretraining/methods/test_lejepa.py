import cmath
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from twinlens.pretraining.methods.lejepa import draw_directions, lejepa, sigreg


def _views(count=4, n=6, d=3):
    source = torch.Generator().manual_seed(0)
    return [torch.randn(n, d, generator=source, dtype=torch.float64) for _ in range(count)]


def _directions(d=3, count=5):
    torch.manual_seed(1)
    return draw_directions(d, count).double()


def _statistic(values, integrate):
    """Epps and Pulley's statistic as the article writes it, with a complex mean."""

    def integrand(t):
        found = sum(cmath.exp(1j * t * x) for x in values) / len(values)
        return abs(found - math.exp(-t * t / 2)) ** 2 * math.exp(-t * t / 2)

    return len(values) * integrate(integrand)


def _trapezoid(function):
    """The listing's rule: 17 points from -5 to 5."""
    t = np.linspace(-5, 5, 17)
    y = [function(x) for x in t]
    return sum((t[i + 1] - t[i]) * (y[i] + y[i + 1]) / 2 for i in range(16))


def test_sigreg_is_the_articles_listing():
    z, directions = _views()[0], _directions()
    values = [(z @ a).tolist() for a in directions.T]
    expected = sum(_statistic(x, _trapezoid) for x in values) / len(values)
    assert sigreg(z, directions).item() == pytest.approx(expected, rel=1e-12)


def test_the_rule_is_close_to_the_integral():
    z = torch.linspace(-2, 3, 7, dtype=torch.float64)[:, None]
    exact = _statistic(z[:, 0].tolist(), lambda f: quad(f, -np.inf, np.inf)[0])
    found = sigreg(z, torch.ones(1, 1, dtype=torch.float64)).item()
    assert found == pytest.approx(exact, rel=1e-3)


def test_the_loss_is_the_articles_over_all_views_also_the_global_ones():
    """The first loss of lightly left out the global views (its pull request 2023)."""
    views, directions = _views(), _directions()
    total = 0.0
    for view in views:
        for k in range(6):
            for i in range(3):
                centre = (views[0][k, i] + views[1][k, i]).item() / 2
                total += (view[k, i].item() - centre) ** 2
    prediction = total / (4 * 6 * 3)
    gaussian = sum(sigreg(view, directions).item() for view in views) / 4
    loss, terms = lejepa(*views, directions=directions, lambda_=0.2)
    assert terms["prediction"].item() == pytest.approx(prediction, rel=1e-12)
    assert terms["sigreg"].item() == pytest.approx(gaussian, rel=1e-12)
    assert loss.item() == pytest.approx(0.8 * prediction + 0.2 * gaussian, rel=1e-12)


@pytest.mark.parametrize("number", range(4))
def test_every_view_gets_a_gradient_from_both_terms(number):
    views = [view.requires_grad_() for view in _views()]
    for weight in (1e-9, 1 - 1e-9):
        loss, _ = lejepa(*views, directions=_directions(), lambda_=weight)
        (gradient,) = torch.autograd.grad(loss, views[number])
        assert gradient.abs().min() > 1e-6


def test_neither_the_order_of_images_nor_of_small_views_matters():
    views, directions = _views(), _directions()
    expected = lejepa(*views, directions=directions)[0].item()
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    for other in ([z[order] for z in views], [*views[:2], views[3], views[2]]):
        assert lejepa(*other, directions=directions)[0].item() == pytest.approx(expected, rel=1e-12)


def test_of_a_gaussian_and_of_a_collapse_it_is_the_closed_form():
    torch.manual_seed(0)
    n = 500
    drawn = [sigreg(torch.randn(n, 64), draw_directions(64, 64)).item() for _ in range(50)]
    # n E|f(t) - phi(t)|^2 = 1 - exp(-t^2), integrated with the weight.
    expected = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / 3)
    assert sum(drawn) / 50 == pytest.approx(expected, rel=0.05)
    collapsed = sigreg(torch.zeros(n, 64), draw_directions(64, 64)).item()
    gap = math.sqrt(2 * math.pi) - 2 * math.sqrt(math.pi) + math.sqrt(2 * math.pi / 3)
    assert collapsed == pytest.approx(n * gap, rel=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda z: 0.5 * z,
        lambda z: z + 1,
        lambda z: z.exp() - 1,
        lambda z: z * torch.tensor([8**0.5, *7 * [0]]),
    ],
    ids=["narrow", "shifted", "skewed", "one dimension"],
)
def test_what_is_no_isotropic_gaussian_scores_more(change):
    torch.manual_seed(0)
    z, directions = torch.randn(500, 8), draw_directions(8, 64)
    assert sigreg(change(z), directions) > 10 * sigreg(z, directions)


def test_directions_are_of_length_1_and_those_of_the_seed():
    first, again = _directions(), _directions()
    assert torch.equal(first, again)
    assert not torch.equal(first, draw_directions(3, 5).double())
    torch.testing.assert_close(first.norm(dim=0), torch.ones(5).double(), atol=1e-6, rtol=0)
