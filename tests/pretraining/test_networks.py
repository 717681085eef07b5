import pytest
import torch

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.networks import (
    SiameseNetwork,
    StudentTeacher,
    embed_views,
    teacher_momentum,
)


def test_one_forward_pass_shares_batchnorm_statistics_and_two_do_not():
    encoder = build_encoder("resnet18_quarter", 0)
    settings = configure("recommended", {"projector": [8]}, where="")
    source = torch.Generator().manual_seed(0)
    first, second = (torch.rand(4, 3, 32, 32, generator=source) + shift for shift in (0, 1))
    twins = SiameseNetwork(encoder, settings, seed=0)
    twins.projector = torch.nn.BatchNorm1d(encoder.feature_dim, affine=False)
    apart = torch.cat(twins(first, second))
    twins.joint = True
    joint = torch.cat(twins(first, second))
    assert apart[:4].mean(0).abs().max() < 1e-4
    assert joint[:4].mean(0).abs().max() > 1e-2
    assert joint.mean(0).abs().max() < 1e-4


def test_views_of_one_size_that_follow_each_other_are_one_batch():
    seen = []

    def network(batch):
        seen.append(tuple(batch.shape))
        return batch.mean((2, 3))

    views = [torch.full((2, 3, size, size), 1.0 * i) for i, size in enumerate((8, 8, 4, 4, 4, 8))]
    joint = embed_views(network, views, joint=True)
    assert [len(shape) and shape[0] for shape in seen] == [4, 6, 2]
    for i, (together, alone) in enumerate(
        zip(joint, embed_views(network, views, False), strict=True)
    ):
        assert torch.equal(together, alone)
        assert (together == i).all()


@pytest.fixture
def pair():
    settings = configure("recommended", {"projector": [16, 8]}, where="")
    return StudentTeacher(build_encoder("resnet18_quarter", 0), settings, 0, momentum=0.9)


def test_the_teacher_is_the_moving_average_of_the_student(pair):
    name = "layer1.0.conv1.weight"
    first = pair.encoder.state_dict()[name].clone()
    with torch.no_grad():
        for parameter in pair.encoder.parameters():
            parameter += 1
    pair.after_step(0.0)
    moved = pair.teacher["encoder"].state_dict()[name]
    torch.testing.assert_close(moved, first + 0.1)
    pair.after_step(1.0)
    torch.testing.assert_close(pair.teacher["encoder"].state_dict()[name], first + 0.1)


def test_the_teachers_weights_are_in_the_checkpoint_and_apart_from_the_students(pair):
    state = pair.state_dict()
    ours, theirs = (f"{prefix}encoder.conv1.weight" for prefix in ("", "teacher."))
    assert torch.equal(state[ours], state[theirs])
    assert state[ours].data_ptr() != state[theirs].data_ptr()


def test_the_momentum_rises_from_its_base_to_one():
    assert teacher_momentum(0, 0.99) == pytest.approx(0.99)
    assert teacher_momentum(0.5, 0.99) == pytest.approx(0.995)
    assert teacher_momentum(1, 0.99) == 1
    rising = [teacher_momentum(i / 10, 0.9) for i in range(11)]
    assert rising == sorted(rising)
