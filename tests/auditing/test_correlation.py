import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from twinlens.auditing.correlation import SIDE, structure
from twinlens.data.hashing import VIEWS, View, grey
from twinlens.records.audit import DEFAULTS


def with_itself(images, others):
    return (structure(images) * structure(others)).sum(axis=1)


def textures(count, size=96, seed=0):
    """Noise with some structure in it, around a middle grey."""
    noise = np.random.default_rng(seed).standard_normal((count, size, size)).astype(np.float32)
    return 128 + 60 * gaussian_filter(noise, (0, 1.5, 1.5))


def test_a_structure_has_mean_0_and_length_1(photographs):
    found = structure(grey(photographs))
    assert found.shape == (len(photographs), SIDE**2)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_a_copy_correlates_whatever_was_done_to_its_colours(photographs, reencoded, resized):
    images = grey(photographs)
    tinted = (photographs * [1.0, 0.8, 0.7]).round().astype(np.uint8)
    assert with_itself(images, grey(tinted)).min() > 0.8
    for copies in (
        images + 20,
        0.6 * images + 40,
        255 * (images / 255) ** 0.7,
        255 * (images / 255) ** 1.5,
    ):
        assert with_itself(images, copies).min() > 0.9
    for copies in (reencoded(photographs), resized(photographs, 56), resized(photographs, 160)):
        assert with_itself(images, grey(copies)).min() > DEFAULTS.min_correlation


def test_photographs_of_different_lesions_do_not_correlate(photographs):
    found = structure(grey(photographs))
    correlations = (found @ found.T)[np.triu_indices(len(found), 1)]
    assert np.abs(correlations).max() < DEFAULTS.min_correlation
    assert np.abs(correlations).mean() < 0.1


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view}-{view.top}-{view.left}")
def test_the_structure_of_a_view_is_that_of_the_picture_so_changed(photographs, view):
    images = grey(photographs[:20])
    top, left, side = (round(80 * share) for share in (view.top, view.left, view.side))
    real = images[:, top : top + side, left : left + side]
    real = real[:, :: -1 if view.upside_down else 1, :: -1 if view.mirrored else 1]
    np.testing.assert_allclose(structure(images, view), structure(real), atol=2e-5)


@pytest.mark.parametrize("size", [8, 16, 32, 47])
def test_small_images_are_compared_as_they_are(photographs, resized, size):
    small = resized(photographs, size)
    found = structure(grey(small))
    assert found.shape == (len(small), size**2)
    np.testing.assert_allclose(with_itself(grey(small), grey(small) + 9), 1, atol=1e-3)
    mirrored = structure(grey(small[:, :, ::-1]), View(mirrored=True))
    np.testing.assert_allclose(mirrored, found, atol=1e-5)


def test_images_of_two_sizes_can_be_compared_at_a_third(photographs, resized):
    small = structure(grey(resized(photographs, 32)), side=24)
    large = structure(grey(photographs), side=24)
    assert small.shape == large.shape == (len(photographs), 24**2)
    assert (small * large).sum(axis=1).min() > DEFAULTS.min_correlation


def test_an_image_that_shows_nothing_correlates_with_none():
    levels = np.arange(0, 256, 5, dtype=np.float32)
    empty = np.broadcast_to(levels[:, None, None], (len(levels), 64, 64))
    found = structure(np.concatenate([empty, textures(3, size=64)]))
    correlations = found @ found.T
    assert np.isfinite(correlations).all()
    assert np.abs(correlations[: len(levels)]).max() < 0.1
    assert (correlations.diagonal()[len(levels) :] > 0.999).all()


def test_dark_corners_do_not_make_two_pictures_alike():
    x = np.linspace(-1, 1, 96)
    inside = np.hypot(x, x[:, None]) < 1.1
    pictures = np.where(inside, textures(6), 5).astype(np.float32)
    flat = pictures.reshape(len(pictures), -1)
    assert np.corrcoef(flat)[np.triu_indices(6, 1)].min() > 0.8  # as they are, they are alike
    found = structure(pictures)
    assert np.abs((found @ found.T)[np.triu_indices(6, 1)]).max() < 0.4
