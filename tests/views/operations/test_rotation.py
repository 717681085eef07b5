import torch

from twinlens.views.operations.operation import Draw
from twinlens.views.operations.rotation import Rotation


def test_a_quarter_turn_swaps_the_axes_where_it_is_applied():
    draw = Draw(torch.tensor([True, False]), (torch.tensor([90.0, 90.0]),))
    turned, still = Rotation().matrices(draw, aspect=2.0)
    torch.testing.assert_close(turned, torch.tensor([[0, -0.5, 0], [2.0, 0, 0]]))
    assert torch.equal(still, torch.eye(2, 3))


def test_angles_are_reported_with_a_minus_sign():
    assert Rotation(p=0.5, degrees=(-45, 30)).details() == ["−45 to 30°"]
