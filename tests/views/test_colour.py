"""Colour operations against each pixel's formula in float64, and colorsys for hue."""

import colorsys

import numpy as np
import pytest
import torch

from twinlens.views.colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    grey,
    jitter,
    luma,
    solarise,
)

FACTORS = (0.0, 0.6, 1.0, 1.4)


def images(batch=4):
    x = torch.rand(batch, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    x[:, :, 0, 0] = 0.3  # a grey pixel
    x[:, :, 0, 1] = 0.0
    x[:, :, 0, 2] = 1.0
    x[:, :, 0, 3] = torch.tensor([0.8, 0.8, 0.1])  # two channels share the maximum
    return x


def by_pixel(x, numbers, pixel):
    """Apply `pixel(rgb, number, image) -> rgb` to every pixel, in float64."""
    result = np.empty(x.shape)
    for i, image in enumerate(x.double().numpy()):
        for row, column in np.ndindex(*image.shape[1:]):
            result[i, :, row, column] = pixel(image[:, row, column], numbers[i], image)
    return np.clip(result, 0, 1)


def luma_of(rgb):
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def test_brightness_multiplies():
    expected = by_pixel(images(), FACTORS, lambda rgb, f, _: f * rgb)
    actual = adjust_brightness(images(), torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_contrast_blends_with_the_mean_grey():
    expected = by_pixel(
        images(), FACTORS, lambda rgb, f, image: f * rgb + (1 - f) * luma_of(image).mean()
    )
    actual = adjust_contrast(images(), torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_saturation_blends_with_grey():
    expected = by_pixel(images(), FACTORS, lambda rgb, f, _: f * rgb + (1 - f) * luma_of(rgb))
    actual = adjust_saturation(images(), torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_hue_turns_as_colorsys_does():
    def turned(rgb, shift, _):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        return colorsys.hsv_to_rgb((h + shift) % 1, s, v)

    shifts = (-0.5, -0.1, 0.06, 0.5)
    actual = adjust_hue(images(), torch.tensor(shifts))
    np.testing.assert_allclose(actual, by_pixel(images(), shifts, turned), atol=3e-6)


def test_known_hues():
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
    green, blue = red.roll(1, 1), red.roll(2, 1)
    for shift, expected in ((1 / 3, green), (-1 / 3, blue), (0.5, green + blue)):
        torch.testing.assert_close(adjust_hue(red, torch.tensor([shift])), expected)


def test_neutral_numbers_change_nothing():
    one, zero = torch.ones(4), torch.zeros(4)
    torch.testing.assert_close(jitter(images(), one, one, one, zero), images())


def test_jitter_is_its_parts_in_order():
    b, c, s = (torch.tensor(FACTORS).roll(k) for k in range(3))
    h = torch.tensor((-0.1, 0.0, 0.05, 0.1))
    parts = adjust_hue(adjust_saturation(adjust_contrast(adjust_brightness(images(), b), c), s), h)
    assert torch.equal(jitter(images(), b, c, s, h), parts)


def test_grey_is_itus_luma_in_all_channels():
    actual = grey(images())
    expected = by_pixel(images(), [0] * 4, lambda rgb, _, __: luma_of(rgb))
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    primaries = torch.eye(3)[:, :, None, None]
    torch.testing.assert_close(luma(primaries).flatten(), torch.tensor([0.299, 0.587, 0.114]))


def test_grey_images_keep_their_hue_and_saturation():
    x = grey(images())
    torch.testing.assert_close(adjust_hue(x, torch.full((4,), 0.3)), x)
    torch.testing.assert_close(adjust_saturation(x, torch.full((4,), 1.4)), x)


def test_constant_image_is_blind_to_contrast():
    x = torch.full((2, 3, 4, 4), 0.4)
    torch.testing.assert_close(adjust_contrast(x, torch.tensor([0.1, 1.9])), x)


def test_solarise_adds_then_clamps_then_inverts():
    thresholds, additions = (0.4, 0.5, 0.6, 1.0), (-0.1, 0.0, 0.1, 0.1)

    def solarised(rgb, number, _):
        threshold, addition = number
        lifted = [min(max(value + addition, 0.0), 1.0) for value in rgb]
        return [value if value < threshold else 1 - value for value in lifted]

    pairs = list(zip(thresholds, additions, strict=True))
    actual = solarise(images(), torch.tensor(thresholds), torch.tensor(additions))
    np.testing.assert_allclose(actual, by_pixel(images(), pairs, solarised), atol=1e-6)


def test_solarise_inverts_from_the_threshold_on():
    x = torch.tensor([0.25, 0.5, 0.75]).reshape(1, 3, 1, 1)
    actual = solarise(x, torch.tensor([0.5]), torch.tensor([0.0])).flatten()
    assert actual.tolist() == [0.25, 0.5, 0.25]
    actual = solarise(x, torch.tensor([0.75]), torch.tensor([0.0])).flatten()
    assert actual.tolist() == [0.25, 0.5, 0.25]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 8)])
def test_inputs_are_left_as_they_are(height, width):
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    half = torch.full((2,), 0.5)
    jitter(x, half, half, half, half)
    grey(x)
    solarise(x, half, half)
    assert torch.equal(x, before)
