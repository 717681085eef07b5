import math

import pytest
import torch

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods.byol import StudentPredictor, byol, distance
from twinlens.settings.pretraining import PRESETS


def _four(n=7, d=5):
    source = torch.Generator().manual_seed(0)
    return [torch.randn(n, d, generator=source, dtype=torch.float64) for _ in range(4)]


def _loops(p1, p2, t1, t2):
    """Equation 2 of the article, both ways, element by element."""
    total, n = 0.0, len(p1)
    for p, t in ((p1, t2), (p2, t1)):
        for k in range(n):
            length_p = math.sqrt(sum(x * x for x in p[k].tolist()))
            length_t = math.sqrt(sum(x * x for x in t[k].tolist()))
            for x, y in zip(p[k].tolist(), t[k].tolist(), strict=True):
                total += (x / length_p - y / length_t) ** 2 / n
    return total


def test_the_loss_is_the_formula():
    four = _four()
    loss, terms = byol(*four)
    assert loss.item() == pytest.approx(_loops(*four), rel=1e-12)
    assert sum(term.item() for term in terms.values()) == pytest.approx(loss.item(), rel=1e-12)


def test_known_answers():
    p = torch.eye(3, dtype=torch.float64)
    assert distance(p, 5 * p).item() == pytest.approx(0, abs=1e-12)
    assert distance(p, -p).item() == pytest.approx(4)
    assert distance(p, p.roll(1, dims=0)).item() == pytest.approx(2)


def test_neither_length_nor_rotation_matters():
    four = _four()
    expected = byol(*four)[0].item()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)).double())
    scaled = [3 * z @ turn.Q for z in four]
    assert byol(*scaled)[0].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_rate_is_one_at_which_the_rank_is_kept(preset):
    """The finder suggests .006 on synthetic images, at which embeddings keep a rank of 6 of 109."""
    assert configure(preset, {"method": "byol"}, where="").lr == 5e-4


@pytest.fixture
def pair():
    settings = {"method": "byol", "projector": [16, 8], "predictor": [12], "teacher_momentum": 0.9}
    return StudentPredictor(
        build_encoder("resnet18_quarter", 0), configure("recommended", settings, where=""), 0
    )


def test_the_teacher_begins_as_the_student_and_learns_nothing_itself(pair):
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    p1, p2, t1, t2 = pair(images, images.flip(3))
    assert p1.shape == p2.shape == t1.shape == t2.shape == (4, 8)
    assert p1.requires_grad
    assert not t1.requires_grad
    torch.testing.assert_close(t1, pair.projector(pair.encoder(images)))
    byol(p1, p2, t1, t2)[0].backward()
    assert all(parameter.grad is None for parameter in pair.teacher.parameters())
    student = [*pair.encoder.parameters(), *pair.projector.parameters()]
    assert all(parameter.grad is not None for parameter in student)
