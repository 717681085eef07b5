"""Blur against scipy's convolution with an explicit kernel."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from twinlens.views.operations.blur import Blur, gaussian_blur


def images(batch=3, height=20, width=27):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("radius", [2, 6])
def test_each_image_is_convolved_with_its_own_gaussian(radius):
    x, sigmas = images(), (0.1, 0.8, 2.0)
    expected = np.empty(x.shape)
    for i, sigma in enumerate(sigmas):
        kernel = np.exp([-(k**2) / (2 * sigma**2) for k in range(-radius, radius + 1)])
        kernel /= kernel.sum()
        # scipy's "mirror" does not repeat the border pixel.
        rows = ndimage.correlate1d(x[i].double().numpy(), kernel, axis=1, mode="mirror")
        expected[i] = ndimage.correlate1d(rows, kernel, axis=2, mode="mirror")
    actual = gaussian_blur(x, torch.tensor(sigmas), radius)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_equals_scipys_gaussian_filter():
    x = images(1)
    expected = ndimage.gaussian_filter(
        x[0].double().numpy(), 1.5, mode="mirror", radius=6, axes=(1, 2)
    )
    actual = gaussian_blur(x, torch.tensor([1.5]), 6)[0]
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_vanishing_sigma_changes_nothing():
    torch.testing.assert_close(gaussian_blur(images(), torch.full((3,), 1e-3), 6), images())


def test_constant_image_stays_constant():
    x = torch.full((2, 3, 9, 9), 0.3)
    torch.testing.assert_close(gaussian_blur(x, torch.tensor([0.5, 2.0]), 6), x)


def test_an_image_does_not_see_the_others():
    x, sigma = images(), torch.tensor([0.3, 1.0, 2.0])
    together = gaussian_blur(x, sigma, 4)
    for i in range(3):
        alone = gaussian_blur(x[i : i + 1], sigma[i : i + 1], 4)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-6, rtol=0)


def test_blur_scales_with_the_view():
    blur = Blur(p=1.0, sigma=(2.0, 2.0), kernel=13, size=64)
    x = images(1, 32, 32)
    _, (sigma,) = blur.draw(np.zeros((1, 2), np.float32), 1.0)
    assert torch.equal(blur.apply(x, sigma), gaussian_blur(x, torch.tensor([1.0]), 3))
