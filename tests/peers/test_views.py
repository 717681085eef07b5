"""The arithmetic of views against torchvision's and Kornia's, on float images in [0, 1].

Where both compute the same, they agree to rounding (`EXACT`). Two differences are meant:

- Our one warp sees what lies beyond a crop, where theirs repeat its border: resized crops are
  compared two pixels inside.
- Where a crop shrinks, theirs weigh pixels by a triangle that widens with the shrink (antialias);
  ours are plain bilinear, after averaging over areas where they shrink by more than 1.5. On smooth
  images, no wave shorter than 16 pixels, the two differ by less than `SMOOTH`, three grey levels
  of 255 (measured: 2.3; half a view pixel aside would make 19).
"""

from functools import reduce
from importlib import import_module

import numpy as np
import pytest
import torch
from scipy import stats

from twinlens.seeds import uniforms
from twinlens.views.operations.blur import gaussian_blur
from twinlens.views.operations.colour_jitter import (
    ColourJitter,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from twinlens.views.operations.crop import Crop
from twinlens.views.operations.flip import HorizontalFlip, VerticalFlip
from twinlens.views.operations.grey import Grey
from twinlens.views.operations.operation import Draw
from twinlens.views.operations.rotation import Rotation
from twinlens.views.operations.solarise import Solarise
from twinlens.views.recipe import COUNT, draw
from twinlens.views.recipes import PAIRS
from twinlens.views.view import clean_view
from twinlens.views.warp import compose, warp

pytestmark = pytest.mark.peers

EXACT = 2e-5
LUMA = 2e-4  # torchvision rounds the weight of red in grey to .2989
SMOOTH = 3 / 255
WHOLE = (0.0, 0.0, 1.0, 1.0)
PIXELS = (8, 4, 60, 72)  # top, left, height, width in an image of 96 pixels
BOX = (4 / 96, 8 / 96, 72 / 96, 60 / 96)  # the same as shares: left, top, width, height


@pytest.fixture(scope="module")
def theirs(torchvision):
    return import_module("torchvision.transforms.v2.functional")


@pytest.fixture(scope="module")
def kornia(torchvision):
    return import_module("kornia")


@pytest.fixture
def noise():
    """Every pixel its own colour; some grey, black and white."""
    x = torch.rand(3, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    x[:, :, 0, :3] = torch.tensor([0.3, 0.0, 1.0])
    return x


@pytest.fixture
def smooth():
    """Waves of 16 pixels and longer, in all directions."""
    source = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:96]
    planes = np.zeros((3, 96, 96))
    for plane in planes:
        for direction, period, phase in source.uniform((0, 16, 0), (np.pi, 64, 6.3), (8, 3)):
            along = columns * np.cos(direction) + rows * np.sin(direction)
            plane += np.cos(2 * np.pi * along / period + phase) / 16
    return torch.from_numpy(planes + 0.5).float()[None]


def assert_close(actual, expected, tolerance):
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


def inner(views):
    return views[..., 2:-2, 2:-2]


def each(function, images, *numbers):
    """Apply a function of one image and its numbers to each image of a batch."""
    return torch.stack([function(x, *n) for x, *n in zip(images, *numbers, strict=True)])


def warped(x, *, box=WHOLE, flip=False, vertical_flip=False, angle=0.0, size=None):
    height, width = size or x.shape[-2:]
    yes = torch.ones(len(x), dtype=torch.bool)
    steps = [
        (Crop(), Draw(yes, torch.tensor(box).repeat(len(x), 1).unbind(1))),
        (HorizontalFlip(), Draw(yes & flip)),
        (VerticalFlip(), Draw(yes & vertical_flip)),
        (Rotation(), Draw(yes, (torch.full((len(x),), float(angle)),))),
    ]
    maps = [operation.matrices(draw, width / height) for operation, draw in steps]
    return warp(x, reduce(compose, maps), height, width)


@pytest.mark.parametrize(
    ("ours", "name", "numbers", "tolerance"),
    [
        (adjust_brightness, "adjust_brightness", (0.6, 1.0, 1.4), EXACT),
        (adjust_contrast, "adjust_contrast", (0.6, 1.0, 1.4), LUMA),
        (adjust_saturation, "adjust_saturation", (0.6, 1.0, 1.4), LUMA),
        (adjust_hue, "adjust_hue", (-0.1, 0.06, 0.5), EXACT),
    ],
)
def test_jitter_is_torchvisions(theirs, noise, ours, name, numbers, tolerance):
    expected = each(getattr(theirs, name), noise, numbers)
    assert_close(ours(noise, torch.tensor(numbers)), expected, tolerance)


def test_jitters_ranges_are_torchvisions(torchvision):
    strengths = {"brightness": 0.4, "contrast": 1.5, "saturation": 0.2, "hue": 0.1}
    ranges = torchvision.transforms.ColorJitter(**strengths)
    for part, bounds in zip(strengths, ColourJitter(**strengths).ranges(), strict=True):
        assert bounds == pytest.approx(getattr(ranges, part))


def test_grey_is_kornias_and_torchvisions(theirs, kornia, noise):
    assert_close(Grey().apply(noise)[:, :1], kornia.color.rgb_to_grayscale(noise), EXACT)
    assert_close(Grey().apply(noise), theirs.rgb_to_grayscale(noise, num_output_channels=3), LUMA)


def test_solarising_is_kornias(kornia, noise):
    threshold, addition = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([-0.1, 0.0, 0.1])
    expected = kornia.enhance.solarize(noise, threshold, addition)
    assert_close(Solarise().apply(noise, threshold, addition), expected, EXACT)


def test_solarising_without_addition_is_torchvisions(theirs, noise):
    threshold = torch.tensor([0.4, 128 / 255, 0.6])
    expected = each(theirs.solarize, noise, threshold.tolist())
    assert_close(Solarise().apply(noise, threshold, torch.zeros(3)), expected, EXACT)


def test_the_papers_solarising_is_drawn_as_by_kornias_defaults(kornia):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        solarize = kornia.augmentation.RandomSolarize(p=1.0)
        drawn = solarize.generate_parameters(torch.Size((4000, 3, 8, 8)))
    ours = draw(PAIRS["paper"][1], uniforms(0, 0, np.arange(4000), COUNT), 8, 8)
    threshold, addition = ours["solarise"].numbers
    assert stats.ks_2samp(threshold, drawn["thresholds"]).pvalue > 1e-4
    assert stats.ks_2samp(addition, drawn["additions"]).pvalue > 1e-4


@pytest.mark.parametrize("radius", [2, 6])
def test_blur_is_torchvisions_and_kornias(theirs, kornia, noise, radius):
    sigmas, kernel = (0.2, 0.9, 2.0), 2 * radius + 1
    actual = gaussian_blur(noise, torch.tensor(sigmas), radius)
    blurred = each(
        lambda x, sigma: theirs.gaussian_blur(x, [kernel] * 2, [sigma] * 2), noise, sigmas
    )
    assert_close(actual, blurred, EXACT)
    pairs = torch.tensor(sigmas)[:, None].expand(3, 2)
    assert_close(actual, kornia.filters.gaussian_blur2d(noise, (kernel, kernel), pairs), EXACT)


def test_flips_are_torchvisions(theirs, noise):
    assert_close(warped(noise, flip=True), theirs.horizontal_flip(noise), EXACT)
    assert_close(warped(noise, vertical_flip=True), theirs.vertical_flip(noise), EXACT)


@pytest.mark.parametrize("angle", [30, -45, 80])
def test_rotation_is_torchvisions_of_a_mirrored_surrounding(theirs, noise, angle):
    """Everywhere, its corners too: theirs on the image with its mirror images around it."""
    height, width = noise.shape[-2:]
    around = np.pad(noise.numpy(), ((0, 0), (0, 0), (height,) * 2, (width,) * 2), "symmetric")
    bilinear = theirs.InterpolationMode.BILINEAR
    expected = theirs.rotate(torch.from_numpy(around), angle, interpolation=bilinear)
    expected = expected[:, :, height:-height, width:-width]
    assert_close(warped(noise, angle=angle), expected, 10 * EXACT)


def test_rotation_is_kornias_inside_the_image(kornia, noise):
    """At the edges it mirrors about the border pixel's centre, we about its outer side."""
    x = noise[..., :40]
    angles = torch.full((len(x),), 30.0)
    expected = kornia.geometry.transform.rotate(x, angles, padding_mode="reflection")
    inside = torch.from_numpy(np.hypot(*(np.indices((40, 40)) - 19.5)) < 18)
    assert_close(warped(x, angle=30)[..., inside], expected[..., inside], 10 * EXACT)
    assert (warped(x, angle=30) - expected).abs().max() > 0.1


@pytest.mark.parametrize("side", [96, 60, 48])
def test_crops_are_torchvisions_without_antialias_where_they_shrink_little(theirs, side):
    """Up to 1.5 image pixels a view pixel, on noise."""
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    actual = warped(x, box=BOX, size=(side, side))
    expected = theirs.resized_crop(x, *PIXELS, [side, side], antialias=False)
    assert_close(inner(actual), inner(expected), 10 * EXACT)


@pytest.mark.parametrize("side", [96, 60, 48, 40, 30, 24])
def test_crops_of_smooth_images_are_torchvisions_with_antialias(theirs, smooth, side):
    actual = warped(smooth, box=BOX, size=(side, side))
    expected = theirs.resized_crop(smooth, *PIXELS, [side, side], antialias=True)
    assert_close(inner(actual), inner(expected), SMOOTH)


def test_the_clean_view_is_torchvisions(theirs, noise):
    assert_close(clean_view(noise, 24), theirs.resize(noise, [24, 24], antialias=True), EXACT)


def test_one_warp_is_torchvisions_crop_then_flip_then_rotation(theirs, smooth):
    """In the disc that the cropped image fills however it is turned; theirs samples twice."""
    box = (16 / 96, 12 / 96, 64 / 96, 64 / 96)
    one = warped(smooth, box=box, flip=True, angle=25, size=(80, 80))
    cropped = theirs.horizontal_flip(theirs.resized_crop(smooth, 12, 16, 64, 64, [80, 80]))
    bilinear = theirs.InterpolationMode.BILINEAR
    steps = theirs.rotate(cropped, 25, interpolation=bilinear)
    inside = torch.from_numpy(np.hypot(*(np.indices((80, 80)) - 39.5)) < 37)
    assert_close(one[..., inside], steps[..., inside], SMOOTH)


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.3, 1.0), (0.7, 1.0)])
@pytest.mark.parametrize(("height", "width"), [(1024, 1024), (768, 1280)])
def test_boxes_are_distributed_as_torchvisions(torchvision, scale, height, width):
    """Theirs are rounded to whole pixels, of which the image has enough for a distribution."""
    image, count = torch.empty(3, 1, 1).expand(3, height, width), 3000
    sampler = torchvision.transforms.RandomResizedCrop
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        boxes = [sampler.get_params(image, scale, [3 / 4, 4 / 3]) for _ in range(count)]
    drawn = Crop(scale=scale).draw(uniforms(0, 0, np.arange(count), Crop.NUMBERS), width / height)
    ours = torch.stack(drawn.numbers, dim=1).double()
    ours = (ours * torch.tensor([width, height, width, height]))[:, [1, 0, 3, 2]].numpy()
    for mine, other in zip(described(ours), described(np.array(boxes)), strict=True):
        assert stats.ks_2samp(mine.round(3), other.round(3)).pvalue > 1e-4


def described(boxes):
    """Return share of an area, logarithm of the ratio and centre, of top, left, height, width."""
    top, left, height, width = boxes.T
    yield height * width / 1024**2
    yield np.log(width / height)
    yield (left + width / 2) / 1024
    yield (top + height / 2) / 1024
