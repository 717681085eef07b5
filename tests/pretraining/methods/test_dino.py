import math

import pytest
import torch

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods.dino import (
    METHOD,
    Prototypes,
    SelfDistillation,
    centred,
    dino,
    sinkhorn_knopp,
)


def _scores(count=4, n=6, k=5):
    source = torch.Generator().manual_seed(0)
    return [torch.rand(n, k, generator=source, dtype=torch.float64) for _ in range(count)]


def _softmax(row):
    total = sum(map(math.exp, row))
    return [math.exp(x) / total for x in row]


def test_the_loss_is_the_articles_listing():
    """Algorithm 1 and equation 3, with loops: H(t_v, s_u) over all views u but v itself."""
    student, teacher, centre = _scores(), _scores(6)[4:], torch.tensor([0.1, 0.2, 0, 0, 0.4])
    total, pairs = 0.0, 0
    for v in range(2):
        for u in range(4):
            if u == v:
                continue
            pairs += 1
            for k in range(6):
                q = _softmax(((teacher[v][k] - centre) / 0.04).tolist())
                p = _softmax((student[u][k] / 0.1).tolist())
                total -= sum(a * math.log(b) for a, b in zip(q, p, strict=True)) / 6
    assert pairs == 6
    targets = tuple(centred(view, centre, 0.04) for view in teacher)
    loss, terms = dino(*student, targets=targets, temperature=0.1)
    assert loss.item() == pytest.approx(total / pairs, rel=1e-12)
    assert sum(term.item() for term in terms.values()) == pytest.approx(loss.item(), rel=1e-12)


def test_a_student_that_agrees_leaves_the_entropy_of_the_targets():
    (scores,) = _scores(1)
    agreeing = (scores / 0.1).softmax(1)
    loss, terms = dino(scores, scores, scores, targets=(agreeing, agreeing))
    assert terms["divergence"].item() == pytest.approx(0, abs=1e-12)
    entropy = -(agreeing * agreeing.log()).sum(1).mean().item()
    assert loss.item() == terms["entropy"].item() == pytest.approx(entropy)


def test_the_order_of_the_images_does_not_matter():
    outputs = [*_scores(), *(view.softmax(1) for view in _scores(2))]
    config = configure("recommended", {"method": "dino"}, where="")
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    expected = METHOD.loss(*outputs, config)[0].item()
    assert METHOD.loss(*(view[order] for view in outputs), config)[0].item() == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize("n", [4, 12])
def test_sinkhorn_knopp_gives_every_image_and_every_prototype_its_share(n):
    (scores,) = _scores(1, n=n, k=6)
    q = sinkhorn_knopp(scores, 0.1, iterations=200)
    torch.testing.assert_close(q.sum(1), torch.ones(n, dtype=torch.float64))
    torch.testing.assert_close(q.sum(0), torch.full((6,), n / 6, dtype=torch.float64))
    ratio = q.log() - scores / 0.1  # diagonal scaling of rows and columns: of rank 1
    torch.testing.assert_close(ratio, ratio[:1] + ratio[:, :1] - ratio[:1, :1])
    few = sinkhorn_knopp(scores, 0.1)
    torch.testing.assert_close(few.sum(1), torch.ones(n, dtype=torch.float64))
    assert few.sum(0).std() < (scores / 0.1).softmax(1).sum(0).std()


def test_prototypes_are_compared_by_their_direction_alone():
    layer = Prototypes(4, 3, seed=0)
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.cosine_similarity(z[:, None], layer.weight[None], dim=2)
    torch.testing.assert_close(layer(z), expected)
    with torch.no_grad():
        layer.weight.mul_(7)
    torch.testing.assert_close(layer(3 * z), expected)


@pytest.fixture(params=["centre", "sinkhorn"])
def network(request):
    settings = {"method": "dino", "projector": [16, 8], "prototypes": 12, "balance": request.param}
    config = configure("recommended", settings, where="")
    return SelfDistillation(build_encoder("resnet18_quarter", 0), config, 0)


def _images(size):
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(size))


def test_the_student_sees_all_views_and_the_teacher_the_global_ones_without_a_gradient(network):
    views = [_images(32), _images(32).flip(3), _images(16)]
    outputs = network(*views)
    assert [out.shape for out in outputs] == 5 * [(4, 12)]
    assert [out.requires_grad for out in outputs] == [True] * 3 + [False] * 2
    for ours, theirs in zip(outputs[:2], outputs[3:], strict=True):
        torch.testing.assert_close(ours, theirs)  # the teacher begins as the student
    completed = network.complete(outputs, torch.arange(4).numpy())
    METHOD.loss(*completed, network.config)[0].backward()
    assert all(parameter.grad is None for parameter in network.teacher.parameters())
    student = (network.encoder, network.projector, network.prototypes)
    assert all(p.grad is not None for part in student for p in part.parameters())
    with torch.no_grad():
        network.prototypes.weight.add_(1)
    before = network.teacher["prototypes"].weight.clone()
    network.after_step(0.0)
    torch.testing.assert_close(network.teacher["prototypes"].weight, before + 0.01)


def test_a_vision_transformer_takes_views_of_several_sizes():
    pytest.importorskip("timm")
    encoder = build_encoder("timm/test_vit", 0)
    settings = {"method": "dino", "projector": [8], "prototypes": 12}
    network = SelfDistillation(encoder, configure("recommended", settings, where=""), 0)
    outputs = network(_images(64), _images(64), _images(32))
    assert [out.shape for out in outputs] == 5 * [(4, 12)]


def test_the_centre_follows_the_mean_of_the_batch_and_is_in_the_checkpoint(network):
    scores = [view.float() for view in _scores(k=12)]
    start = torch.linspace(0, 1, 12)
    network.centre.copy_(start)
    *student, first, second = network.complete((*scores, *scores[:2]), torch.arange(6).numpy())
    assert all(torch.equal(a, b) for a, b in zip(student, scores, strict=True))
    if network.config.balance == "centre":
        torch.testing.assert_close(first, ((scores[0] - start) / 0.04).softmax(1))
        start = 0.9 * start + 0.1 * torch.cat(scores[:2]).mean(0)
    else:
        both = sinkhorn_knopp(torch.cat(scores[:2]), 0.04)
        torch.testing.assert_close(torch.cat((first, second)), both)
    torch.testing.assert_close(network.state_dict()["centre"], start)
