from collections.abc import Callable

import numpy as np
import pytest
import torch


@pytest.fixture
def noise() -> torch.Tensor:
    """Four images of random colours, with some special pixels."""
    x = torch.rand(4, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    x[:, :, 0, 0] = 0.3  # a grey pixel
    x[:, :, 0, 1] = 0.0
    x[:, :, 0, 2] = 1.0
    x[:, :, 0, 3] = torch.tensor([0.8, 0.8, 0.1])  # two channels share the maximum
    return x


@pytest.fixture
def by_pixel() -> Callable[..., np.ndarray]:
    """Apply `pixel(rgb, number, image) -> rgb` to every pixel, in float64."""

    def apply(x, numbers, pixel):
        result = np.empty(x.shape)
        for i, image in enumerate(x.double().numpy()):
            for row, column in np.ndindex(*image.shape[1:]):
                result[i, :, row, column] = pixel(image[:, row, column], numbers[i], image)
        return np.clip(result, 0, 1)

    return apply
