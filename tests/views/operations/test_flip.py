import torch

from twinlens.views.operations.flip import HorizontalFlip, VerticalFlip
from twinlens.views.operations.operation import Draw


def test_a_flip_changes_the_sign_of_its_axis_where_it_is_applied():
    draw = Draw(torch.tensor([True, False]))
    for flip, axis in ((HorizontalFlip(), 0), (VerticalFlip(), 1)):
        expected = torch.eye(2, 3).repeat(2, 1, 1)
        expected[0, axis, axis] = -1
        assert torch.equal(flip.matrices(draw, 1.5), expected)
