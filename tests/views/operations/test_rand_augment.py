import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from twinlens.seeds import uniforms
from twinlens.views.operations.rand_augment import RandAugment, adjust_sharpness
from twinlens.views.recipe import ViewRecipe
from twinlens.views.view import view
from twinlens.views.warp import warp

N = 4000


def drawn(operation: RandAugment, n: int = N):
    return operation.draw(uniforms(0, 0, np.arange(n), operation.NUMBERS), 1.0)


@pytest.mark.parametrize("operations", [0, 2, 8])
def test_each_image_gets_as_many_operations_as_are_set_all_equally_often(operations):
    applied, numbers = drawn(RandAugment(operations=operations))
    chosen = torch.stack(numbers) != 0
    assert (chosen.sum(0) == operations).all()
    assert (applied == bool(operations)).all()
    np.testing.assert_allclose(chosen.float().mean(1), operations / 8, atol=0.03)


def test_changes_are_uniform_up_to_the_magnitude():
    _, numbers = drawn(RandAugment(operations=8, magnitude=0.5))
    for change, largest in zip(
        numbers, (0.15, 0.15, 75 / 331, 75 / 331, 15, 0.45, 0.45, 0.45), strict=True
    ):
        assert change.abs().max() <= largest
        assert change.mean() == pytest.approx(0, abs=0.04 * largest)
        assert change.std() == pytest.approx(largest / np.sqrt(3), rel=0.04)


def test_the_warp_is_shears_then_the_rotation_then_the_shift():
    operation = RandAugment(operations=8)
    draw = drawn(operation, 5)
    shear_x, shear_y, x, y, degrees = (number.numpy() for number in draw.numbers[:5])
    for i, matrix in enumerate(operation.matrices(draw, 1.0).numpy()):
        angle = np.deg2rad(degrees[i])
        turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        expected = turn @ np.array([[1, shear_x[i]], [shear_y[i], 1]])
        np.testing.assert_allclose(matrix[:, :2], expected, atol=1e-6)
        np.testing.assert_allclose(matrix[:, 2], [2 * x[i], 2 * y[i]], atol=1e-6)


def test_on_an_oblong_view_pixels_are_turned_as_squares():
    operation = RandAugment(operations=8)
    draw = drawn(operation, 1)
    draw = draw._replace(numbers=tuple(0 * n for n in draw.numbers))
    quarter = [*draw.numbers]
    quarter[4] = torch.tensor([90.0])
    images = torch.rand(1, 3, 16, 32)
    turned = warp(images, operation.matrices(draw._replace(numbers=(*quarter,)), 2.0), 16, 32)
    expected = torch.rot90(images[..., 8:24], 1, (2, 3))
    torch.testing.assert_close(turned[..., 8:24], expected, atol=1e-5, rtol=0)


def test_sharpness_is_torchvisions(noise):
    for factor in (0.1, 1.0, 1.9):
        ours = adjust_sharpness(noise, torch.full((len(noise),), factor))
        torch.testing.assert_close(ours, tv.adjust_sharpness(noise, factor), atol=1e-6, rtol=0)


def test_grey_images_stay_grey():
    images = torch.rand(6, 1, 20, 20).expand(6, 3, 20, 20)
    recipe = ViewRecipe(rand_augment=RandAugment(operations=8, magnitude=1.0))
    views = view(images, np.arange(6), recipe=recipe, seed=0, step=0)
    assert (views - views.mean(1, keepdim=True)).abs().max() < 1e-5
    assert (views - images).abs().mean() > 0.05
