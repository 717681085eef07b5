import math

import pytest
import torch

from twinlens.pretraining.methods.simclr import contrast_floor, simclr


def _by_loops(z1, z2, temperature):
    """Equation 1 and Algorithm 1 of the article, a pair at a time."""
    n = len(z1)
    views = [*z1, *z2]

    def similarity(a, b):
        return ((a @ b) / (a.norm() * b.norm())).item()

    total = 0.0
    for i, view in enumerate(views):
        pair = similarity(view, views[(i + n) % (2 * n)])
        others = [similarity(view, views[k]) for k in range(2 * n) if k != i]
        total -= math.log(
            math.exp(pair / temperature) / sum(math.exp(s / temperature) for s in others)
        )
    return total / (2 * n)


def _pair(n, d, seed=0):
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=source, dtype=torch.float64)
    return z, z + 0.5 * torch.randn(n, d, generator=source, dtype=torch.float64)


def _simplex(n):
    """Unit vectors, each two at cosine -1/(n - 1)."""
    z = torch.eye(n, dtype=torch.float64) - 1 / n
    return z / z.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
def test_it_equals_the_formula_written_with_loops(temperature):
    z1, z2 = _pair(7, 5)
    loss, _ = simclr(z1, z2, temperature=temperature)
    assert loss.item() == pytest.approx(_by_loops(z1, z2, temperature), abs=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_perfectly_separated_images_have_the_loss_of_the_closed_form(temperature):
    z = torch.eye(6, dtype=torch.float64)
    loss, terms = simclr(z, z, temperature=temperature)
    assert loss.item() == pytest.approx(math.log1p(10 * math.exp(-1 / temperature)), rel=1e-9)
    assert terms["alignment"].item() == pytest.approx(0, abs=1e-12)


def test_collapsed_embeddings_leave_a_guess_among_all_other_views():
    z = torch.ones(8, 4, dtype=torch.float64)
    assert simclr(z, z)[0].item() == pytest.approx(math.log(15))


def test_the_length_of_an_embedding_does_not_matter():
    z1, z2 = _pair(8, 4)
    lengths = torch.arange(1, 9, dtype=torch.float64)[:, None]
    assert simclr(z1 * lengths, z2 / lengths)[0] == pytest.approx(simclr(z1, z2)[0].item())


def test_the_loss_is_the_sum_of_its_terms():
    loss, terms = simclr(*_pair(8, 4))
    assert loss.item() == pytest.approx((terms["alignment"] + terms["uniformity"]).item())


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("n", [2, 5, 16])
def test_the_floor_is_reached_by_a_simplex_and_passed_by_none(n, temperature):
    z = _simplex(n)
    loss, terms = simclr(z, z, temperature=temperature)
    assert loss.item() == pytest.approx(contrast_floor(n, temperature), rel=1e-7, abs=1e-12)
    assert terms["floor"].item() == pytest.approx(loss.item(), rel=1e-5)
    for seed in range(3):
        assert simclr(*_pair(n, n, seed), temperature=temperature)[0] > terms["floor"]


def test_one_image_has_nothing_to_be_told_from():
    z1, z2 = _pair(1, 4)
    assert simclr(z1, z2)[0].item() == pytest.approx(0, abs=1e-12)
    assert contrast_floor(1, 0.5) == 0.0
