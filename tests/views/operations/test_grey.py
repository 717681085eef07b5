import numpy as np
import torch

from twinlens.views.operations.grey import Grey, luma


def test_grey_is_itus_luma_in_all_channels(noise, by_pixel):
    expected = by_pixel(noise, [0] * 4, lambda rgb, *_: rgb @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(Grey().apply(noise), expected, atol=1e-6)
    primaries = torch.eye(3)[:, :, None, None]
    torch.testing.assert_close(luma(primaries).flatten(), torch.tensor([0.299, 0.587, 0.114]))
