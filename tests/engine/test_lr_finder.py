import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from twinlens.engine.lr_finder import find_lr, longest_decrease, smooth, valley


def _model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def _stepper(model, optimizer, fail_at=None, nan_at=None):
    data = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    target = (data.sum(1) > 0).long()

    def step(i, lr):
        if i == fail_at:
            raise RuntimeError("planned")
        if i == nan_at:
            return math.nan
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = nn.functional.cross_entropy(model(data), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _bits(model, optimizer):
    tensors = [*model.state_dict().values()]
    for state in optimizer.state.values():
        tensors += [torch.as_tensor(v) for v in state.values()]
    return [t.clone() for t in tensors]


@pytest.mark.parametrize("trouble", [{}, {"nan_at": 30}, {"fail_at": 30}])
def test_weights_buffers_and_optimiser_are_as_before_bit_for_bit(trouble):
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for i in range(3):
        _stepper(model, optimizer)(i, 1e-3)
    model.eval()
    before, groups = _bits(model, optimizer), [dict(g) for g in optimizer.param_groups]
    step = _stepper(model, optimizer, **trouble)
    if "fail_at" in trouble:
        with pytest.raises(RuntimeError, match="planned"):
            find_lr(model, optimizer, step, fallback=1e-3)
    else:
        find_lr(model, optimizer, step, fallback=1e-3)
    after = _bits(model, optimizer)
    assert len(before) == len(after)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert [g["lr"] for g in optimizer.param_groups] == [g["lr"] for g in groups]
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def test_the_same_steps_give_the_same_finding_and_the_curve_is_kept():
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters())
    first = find_lr(model, optimizer, _stepper(model, optimizer), fallback=1e-3)
    second = find_lr(model, optimizer, _stepper(model, optimizer), fallback=1e-3)
    assert first == second
    assert len(first.lrs) == len(first.losses) == len(first.smoothed)
    assert first.how == "valley"
    assert first.lrs[0] == pytest.approx(1e-7)
    assert first.lrs[1] / first.lrs[0] == pytest.approx((10 / 1e-7) ** 0.01)
    assert 1e-7 < first.suggestion < 1


def test_smoothing_is_the_debiased_exponential_average():
    average, expected = 0.0, []
    for i, loss in enumerate([3.0, 1.0, 2.0, 8.0], start=1):
        average = 0.98 * average + 0.02 * loss
        expected.append(average / (1 - 0.98**i))
    assert smooth([3.0, 1.0, 2.0, 8.0]) == pytest.approx(expected)
    assert smooth([5.0] * 4) == pytest.approx([5.0] * 4)


def _by_brute_force(losses):
    """The longest decreasing subsequence among all 2^n, the one that ends first."""
    best = (0, 0)
    for mask in range(1, 2 ** len(losses)):
        index = [i for i in range(len(losses)) if mask >> i & 1]
        falls = all(losses[a] > losses[b] for a, b in pairwise(index))
        if falls and (len(index), -index[-1]) > (best[1], -best[0]):
            best = (index[-1], len(index))
    return best


def test_longest_decrease_against_all_subsequences():
    rng = np.random.default_rng(0)
    for _ in range(40):
        losses = rng.integers(0, 8, size=9).tolist()
        assert longest_decrease(losses) == _by_brute_force(losses)


def test_valley_by_hand():
    """It falls for 12 losses after 3 flat ones: e = 14, L = 13, index 1 + 4 + 2 = 7."""
    losses = [10.0, 10.0, 10.0, *range(9, -3, -1), 20.0, 30.0]
    lrs = [10.0**i for i in range(len(losses))]
    assert longest_decrease(losses) == (14, 13)
    assert valley(lrs, losses) == (1e7, 13)


def test_it_stops_where_the_smoothed_loss_passes_four_times_its_best():
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters())
    losses = [*[2.0 - 0.02 * i for i in range(60)], *[1e4] * 40]
    finding = find_lr(model, optimizer, lambda i, _: losses[i], fallback=1e-3)
    assert len(finding.losses) == 61
    assert finding.smoothed[-1] > 4 * min(finding.smoothed)
    assert finding.how == "valley"


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([float(i) for i in range(1, 101)], "diverged"),
        ([1.0] * 100, "never fell by more than its noise in 100 learning rates"),
        ([1.0, 1.0, math.nan], "diverged after 2 learning rates"),
        ([math.nan], "diverged after 0 learning rates"),
    ],
)
def test_a_curve_that_says_nothing_gives_the_stated_rate_in_words(losses, reason):
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters())
    finding = find_lr(model, optimizer, lambda i, _: losses[i], fallback=2e-3)
    assert (finding.suggestion, finding.how) == (2e-3, "fallback")
    assert reason in finding.message
    assert "0.002" in finding.message


def _noise(kind, random, curves=200):
    """Losses of a flat curve of 100 steps around 2: shape (curve, step)."""
    normal = random.standard_normal((curves, 100))
    if kind == "skewed":
        return 2 * np.exp(normal / 3)
    if kind == "batches of an epoch":  # 10 batches without replacement have the same mean
        epochs = normal.reshape(curves, 10, 10)
        normal = (epochs - epochs.mean(axis=2, keepdims=True)).reshape(curves, 100)
    flat = 2 + 0.2 * normal
    return flat + (0 if kind != "diverging" else np.linspace(0, 1, 100) ** 8 * 5)


def _findings(curves):
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters())
    return [find_lr(model, optimizer, lambda i, _, c=c: c[i], fallback=1e-3).how for c in curves]


@pytest.mark.parametrize("kind", ["normal", "skewed", "batches of an epoch", "diverging"])
def test_pure_noise_hardly_ever_gives_a_rate(kind):
    findings = _findings(_noise(kind, np.random.default_rng(0)))
    assert findings.count("valley") <= 0.05 * len(findings)


def test_a_fall_beyond_the_noise_gives_a_rate():
    """As in real curves, the loss falls for 15 steps, by twice its noise, and then rises."""
    fall = np.concatenate([np.zeros(45), np.linspace(0, -0.6, 8), np.full(7, -0.6), np.zeros(25)])
    rise = np.geomspace(0.1, 5, 15)
    curves = _noise("normal", np.random.default_rng(1)) + np.concatenate([fall, rise])
    findings = _findings(curves)
    assert findings.count("valley") >= 0.95 * len(findings)
