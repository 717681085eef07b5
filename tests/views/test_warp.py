"""Warps against slices, scipy and Pillow."""

from functools import reduce

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from scipy import ndimage

from twinlens.views.operations.crop import Crop
from twinlens.views.operations.flip import HorizontalFlip, VerticalFlip
from twinlens.views.operations.operation import Draw
from twinlens.views.operations.rotation import Rotation
from twinlens.views.warp import compose, reductions, warp

WHOLE = (0.0, 0.0, 1.0, 1.0)


def images(batch=2, height=24, width=24, seed=0):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def affine(boxes, flip=False, vertical_flip=False, angle=0.0, aspect=1.0):
    """Crop each image by its box, then flip and rotate all alike."""
    boxes = torch.as_tensor(boxes)
    yes = torch.ones(len(boxes), dtype=torch.bool)
    steps = [
        (Crop(), Draw(yes, boxes.unbind(1))),
        (HorizontalFlip(), Draw(yes & flip)),
        (VerticalFlip(), Draw(yes & vertical_flip)),
        (Rotation(), Draw(yes, (torch.full((len(boxes),), float(angle)),))),
    ]
    return reduce(compose, [operation.matrices(draw, aspect) for operation, draw in steps])


def warped(x, *, box=WHOLE, size=None, **how):
    """Warp all images alike."""
    height, width = size or x.shape[-2:]
    return warp(x, affine([box] * len(x), aspect=width / height, **how), height, width)


def assert_close(actual, expected, tolerance=2e-5):
    expected = torch.as_tensor(np.asarray(expected), dtype=torch.float32)
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(24, 24), (17, 30)])
def test_identity_changes_nothing(height, width):
    x = images(2, height, width)
    assert_close(warped(x), x)


def test_flips_mirror():
    x = images(2, 17, 30)
    assert_close(warped(x, flip=True), x.flip(3))
    assert_close(warped(x, vertical_flip=True), x.flip(2))
    assert_close(warped(x, flip=True, vertical_flip=True), x.flip(2, 3))


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns_are_exact_and_counter_clockwise(quarters):
    x = images()
    assert_close(warped(x, angle=90 * quarters), torch.rot90(x, quarters, (2, 3)))


@pytest.mark.parametrize("angle", [30, -45])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 33)])
def test_rotation_equals_scipys_with_mirrored_edges(angle, height, width):
    x = images(2, height, width)
    # scipy's "reflect" repeats the border pixel: d c b a | a b c d | d c b a.
    expected = ndimage.rotate(
        x.double().numpy(), angle, axes=(3, 2), reshape=False, order=1, mode="reflect"
    )
    assert_close(warped(x, angle=angle), expected, 1e-4)


def test_rotation_equals_pillows_inside_the_image():
    x = images(1, 40, 40)
    channel = Image.fromarray(x[0, 0].numpy())
    expected = np.asarray(channel.rotate(30, Image.Resampling.BILINEAR))
    inside = np.hypot(*(np.indices((40, 40)) - 19.5)) < 18
    actual = warped(x, angle=30)[0, 0].numpy()
    np.testing.assert_allclose(actual[inside], expected[inside], atol=1e-4)


def test_crop_of_whole_pixels_is_a_slice():
    x = images(2, 32, 40)
    box = (10 / 40, 4 / 32, 20 / 40, 16 / 32)
    assert_close(warped(x, box=box, size=(16, 20)), x[:, :, 4:20, 10:30])


def test_enlarged_crop_samples_where_scipy_does():
    x = images(1, 32, 40)
    left, top, width, height = box = (0.1, 0.3, 0.55, 0.7)
    rows = (top + height * (np.arange(36) + 0.5) / 36) * 32 - 0.5
    columns = (left + width * (np.arange(48) + 0.5) / 48) * 40 - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    expected = [ndimage.map_coordinates(c, at, order=1, mode="reflect") for c in x[0].numpy()]
    assert_close(warped(x, box=box, size=(36, 48))[0], expected, 1e-4)


def test_enlarged_crop_equals_pillows_inside_the_box():
    x = images(1, 32, 32)
    box = (4.0, 6.0, 20.0, 22.0)
    resized = Image.fromarray(x[0, 0].numpy()).resize((64, 64), Image.Resampling.BILINEAR, box=box)
    actual = warped(x, box=(4 / 32, 6 / 32, 0.5, 0.5), size=(64, 64))[0, 0].numpy()
    # Pillow stops at the box's edge, where we still see the pixels beyond.
    np.testing.assert_allclose(actual[2:-2, 2:-2], np.asarray(resized)[2:-2, 2:-2], atol=1e-4)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_one_warp_equals_crop_then_flip_then_rotation(quarters):
    x = images(2, 32, 32)
    box = (8 / 32, 4 / 32, 16 / 32, 16 / 32)
    one = warped(x, box=box, flip=True, angle=90 * quarters, size=(16, 16))
    cropped = x[:, :, 4:20, 8:24]
    assert_close(one, torch.rot90(cropped.flip(3), quarters, (2, 3)))
    assert_close(one, warped(warped(cropped, flip=True), angle=90 * quarters), 1e-4)


def test_sampling_equals_torchs_affine_grid():
    x = images(3, 20, 28)
    matrices = torch.eye(2, 3) + 0.3 * torch.randn(
        3, 2, 3, generator=torch.Generator().manual_seed(1)
    )
    grid = F.affine_grid(matrices, [3, 3, 22, 26], align_corners=False)
    expected = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    shrinks = reductions(matrices, (20, 28), (22, 26))
    assert set(shrinks.tolist()) == {1}
    assert_close(warp(x, matrices, 22, 26), expected, 1e-4)


def test_constant_image_stays_constant():
    x = torch.full((1, 3, 60, 45), 0.7)
    view = warped(x, box=(0.1, 0.0, 0.8, 0.9), flip=True, angle=33, size=(16, 16))
    assert_close(view, torch.full((1, 3, 16, 16), 0.7), 1e-6)


def test_shrinking_by_two_averages_areas():
    x = images(2, 64, 96)
    assert_close(warped(x, size=(32, 48)), F.avg_pool2d(x, 2))


@pytest.mark.parametrize("angle", [0, 20])
def test_checkerboard_shrunk_by_four_is_grey_and_not_aliased(angle):
    checkerboard = (np.indices((96, 96)).sum(0) % 2).astype(np.float32)
    x = torch.from_numpy(checkerboard).expand(1, 3, 96, 96)
    # Shrunk by 4, areas of 3 x 3 hold 4 or 5 white pixels of 9.
    view = warped(x, angle=angle, size=(24, 24))
    assert (view - 0.5).abs().max() < 0.06
    aliased = F.grid_sample(x, torch.zeros(1, 1, 1, 2) + 1 / 96, align_corners=False)
    assert (aliased - 0.5).abs().max() > 0.4  # one sample alone hits a pixel


def test_reduction_is_the_smallest_that_leaves_one_and_a_half():
    def factor(width, height, angle=0.0):
        matrices = affine([[0.0, 0.0, width, height]], angle=angle)
        return reductions(matrices, (96, 96), (32, 32)).item()

    assert factor(0.2, 0.2) == 1
    assert factor(0.5, 0.5) == factor(0.5, 0.5, 37.0) == 1  # 1.5 image pixels per view pixel
    assert factor(0.51, 0.51) == factor(1.0, 1.0, 45.0) == 2  # up to 3
    assert factor(1.0, 0.4) == 2  # wide: the longer side decides


def test_each_image_is_reduced_by_its_own_crop():
    x = images(2, 96, 96)
    matrices = affine([[0.25, 0.25, 0.3, 0.3], WHOLE])
    together = warp(x, matrices, 32, 32)
    for i in (0, 1):
        alone = warp(x[i : i + 1], matrices[i : i + 1], 32, 32)
        assert torch.equal(together[i], alone[0])
