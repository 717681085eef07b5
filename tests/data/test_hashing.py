import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlens.data.hashing import VIEWS, View, grey, perceptual_hash, resampling


def bits(hashes):
    return np.unpackbits(hashes.view(np.uint8).reshape(len(hashes), 8), axis=1)


def differing(hashes, others):
    return np.bitwise_count(hashes ^ others)


def reference(image):
    """The low frequencies of a thumbnail, by the sums that define them."""
    size, side, wanted = len(image), 32, 8
    u = np.arange(wanted)[:, None]
    scale = np.where(u == 0, np.sqrt(1 / side), np.sqrt(2 / side))
    cosines = scale * np.cos(np.pi * u * (2 * np.arange(side) + 1) / (2 * side))
    # Each pixel divided into 32 x 32 equal ones, so that a thumbnail's pixel is a mean of some.
    fine = np.repeat(np.repeat(image.astype(np.float64), side, axis=0), side, axis=1)
    thumbnail = fine.reshape(side, size, side, size).mean(axis=(1, 3))
    frequencies = np.zeros((wanted, wanted))
    for row in range(wanted):
        for column in range(wanted):
            wave = np.outer(cosines[row], cosines[column])
            frequencies[row, column] = (wave * thumbnail).sum()
    return frequencies.ravel()


@pytest.mark.parametrize("size", [80, 45, 20])
def test_a_hash_is_what_its_formula_says(photographs, resized, size):
    images = grey(resized(photographs[:12], size))
    found = bits(perceptual_hash(images)).astype(bool)
    for image, image_bits in zip(images, found, strict=True):
        above = (values := reference(image)) - np.median(values[1:])
        clear = np.abs(above) > 1e-2  # nearer to the median than this, float32 may round over it
        assert clear.sum() >= 60
        np.testing.assert_array_equal(image_bits[clear], above[clear] > 0)


@pytest.mark.parametrize(("upside_down", "mirrored"), [(False, True), (True, False), (True, True)])
def test_the_hash_of_a_mirrored_image_is_had_from_the_image(photographs, upside_down, mirrored):
    images = grey(photographs)
    real = images[:, :: -1 if upside_down else 1, :: -1 if mirrored else 1]
    hashes = perceptual_hash(images, View(upside_down=upside_down, mirrored=mirrored))
    np.testing.assert_array_equal(hashes, perceptual_hash(real))
    assert (hashes != perceptual_hash(images)).all()


def test_the_hash_of_a_cropped_image_is_had_from_the_image(photographs):
    images = grey(photographs)
    for view in VIEWS[4:]:  # 5 % of 80 pixels are 4
        top, left = round(view.top * 80), round(view.left * 80)
        real = images[:, top : top + 76, left : left + 76]
        real = real[:, :, ::-1] if view.mirrored else real
        assert (differing(perceptual_hash(images, view), perceptual_hash(real)) == 0).mean() > 0.99


@settings(deadline=None)
@given(
    size=st.integers(8, 300),
    wanted=st.integers(1, 64),
    start=st.floats(0, 0.3),
    side=st.floats(0.5, 0.7),
)
def test_resampling_takes_means(size, wanted, start, side):
    weights = resampling(size, start, side, wanted)
    assert weights.shape == (wanted, size)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    centres = weights @ (np.arange(size) + 0.5) / size
    places = start + side * (np.arange(wanted) + 0.5) / wanted
    np.testing.assert_allclose(centres, places, atol=0.5 / size)


def test_resampling_by_a_whole_factor_averages_areas():
    line = np.random.default_rng(0).random(96)
    for wanted in (96, 48, 32, 12, 1):
        expected = line.reshape(wanted, -1).mean(axis=1)
        np.testing.assert_allclose(resampling(96, 0.0, 1.0, wanted) @ line, expected, rtol=1e-5)
    expected = line[24:72].reshape(16, 3).mean(axis=1)
    np.testing.assert_allclose(resampling(96, 0.25, 0.5, 16) @ line, expected, rtol=1e-5)


@pytest.mark.parametrize("size", [8, 9, 17, 31, 33, 50])
def test_images_of_any_size_have_hashes(photographs, resized, size):
    small = grey(resized(photographs, size))
    hashes = perceptual_hash(small)
    larger = np.repeat(np.repeat(small, 3, axis=1), 3, axis=2)
    assert (differing(hashes, perceptual_hash(larger)) <= 1).all()  # a pixel may be rounded over
    assert np.median(differing(hashes, np.roll(hashes, 1))) > 10
    if size > 16:
        assert np.median(differing(hashes, perceptual_hash(grey(photographs)))) <= 2


def test_a_hash_has_half_of_its_bits_set(photographs):
    number = np.bitwise_count(perceptual_hash(grey(photographs)))
    assert set(number.tolist()) <= {31, 32}  # the median is one of 63, the mean mostly above it
    assert np.median(number) == 32


def test_brightness_and_contrast_leave_a_hash_as_it_is(photographs):
    images = grey(photographs)
    hashes = perceptual_hash(images)
    for changed in (images + 40, images * 0.6, images * 1.3 + 5):
        assert (differing(hashes, perceptual_hash(changed)) == 0).mean() > 0.95
        assert differing(hashes, perceptual_hash(changed)).max() <= 2
    negative_mean = differing(hashes, perceptual_hash(images - 255))
    assert (negative_mean == 1).mean() > 0.95  # the bit of the mean has no part in the others


def test_encoding_and_resizing_change_few_bits(photographs, reencoded, resized):
    hashes = perceptual_hash(grey(photographs))
    for copies in (reencoded(photographs), resized(photographs, 56), resized(photographs, 128)):
        number = differing(hashes, perceptual_hash(grey(copies)))
        assert np.median(number) <= 1
        assert number.max() <= 6
    assert np.median(differing(hashes, np.roll(hashes, 1))) > 20


def test_views_say_how_a_copy_differs():
    assert [str(view) for view in VIEWS[:4]] == [
        "",
        "mirrored",
        "mirrored top to bottom",
        "turned by 180°",
    ]
    assert {str(view) for view in VIEWS[4:]} == {"cropped", "mirrored and cropped"}
    assert len(set(VIEWS)) == len(VIEWS) == 22


def test_luma_weighs_the_colours():
    colours = np.eye(3, dtype=np.uint8).reshape(3, 1, 1, 3) * 200
    np.testing.assert_allclose(grey(colours).ravel(), [59.8, 117.4, 22.8], rtol=1e-5)
