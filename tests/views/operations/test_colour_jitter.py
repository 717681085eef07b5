"""Each part of the jitter against the pixel's formula in float64, and colorsys for hue."""

import colorsys

import numpy as np
import torch

from twinlens.views.operations.colour_jitter import (
    ColourJitter,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from twinlens.views.operations.grey import Grey

FACTORS = (0.0, 0.6, 1.0, 1.4)


def luma_of(rgb):
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def test_brightness_multiplies(noise, by_pixel):
    expected = by_pixel(noise, FACTORS, lambda rgb, f, _: f * rgb)
    actual = adjust_brightness(noise, torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_contrast_blends_with_the_mean_grey(noise, by_pixel):
    expected = by_pixel(
        noise, FACTORS, lambda rgb, f, image: f * rgb + (1 - f) * luma_of(image).mean()
    )
    actual = adjust_contrast(noise, torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_saturation_blends_with_grey(noise, by_pixel):
    expected = by_pixel(noise, FACTORS, lambda rgb, f, _: f * rgb + (1 - f) * luma_of(rgb))
    actual = adjust_saturation(noise, torch.tensor(FACTORS))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_hue_turns_as_colorsys_does(noise, by_pixel):
    def turned(rgb, shift, _):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        return colorsys.hsv_to_rgb((h + shift) % 1, s, v)

    shifts = (-0.5, -0.1, 0.06, 0.5)
    actual = adjust_hue(noise, torch.tensor(shifts))
    np.testing.assert_allclose(actual, by_pixel(noise, shifts, turned), atol=3e-6)


def test_known_hues():
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
    green, blue = red.roll(1, 1), red.roll(2, 1)
    for shift, expected in ((1 / 3, green), (-1 / 3, blue), (0.5, green + blue)):
        torch.testing.assert_close(adjust_hue(red, torch.tensor([shift])), expected)


def test_constant_image_is_blind_to_contrast():
    x = torch.full((2, 3, 4, 4), 0.4)
    torch.testing.assert_close(adjust_contrast(x, torch.tensor([0.1, 1.9])), x)


def test_neutral_numbers_change_nothing(noise):
    one, zero = torch.ones(4), torch.zeros(4)
    torch.testing.assert_close(ColourJitter().apply(noise, one, one, one, zero), noise)


def test_jitter_is_its_parts_in_order(noise):
    b, c, s = (torch.tensor(FACTORS).roll(k) for k in range(3))
    h = torch.tensor((-0.1, 0.0, 0.05, 0.1))
    parts = adjust_hue(adjust_saturation(adjust_contrast(adjust_brightness(noise, b), c), s), h)
    assert torch.equal(ColourJitter().apply(noise, b, c, s, h), parts)


def test_grey_images_keep_their_hue_and_saturation(noise):
    x = Grey().apply(noise)
    torch.testing.assert_close(adjust_hue(x, torch.full((4,), 0.3)), x)
    torch.testing.assert_close(adjust_saturation(x, torch.full((4,), 1.4)), x)


def test_factors_end_at_zero():
    assert ColourJitter(brightness=1.5, hue=0.1).ranges()[0] == (0, 2.5)
    assert ColourJitter(hue=0.1).ranges()[3] == (-0.1, 0.1)
