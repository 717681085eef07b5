"""Views as a whole: what they depend on, and what they add up to."""

import numpy as np
import pytest
import torch
from PIL import Image

from twinlens.seeds import uniforms
from twinlens.views.operations.blur import Blur
from twinlens.views.operations.crop import Crop
from twinlens.views.operations.grey import Grey
from twinlens.views.operations.solarise import Solarise
from twinlens.views.recipe import COUNT, ViewRecipe, draw
from twinlens.views.recipes import PAIRS, RECIPES
from twinlens.views.view import PlannedViews, apply, clean_view, normalise, planned_views, view
from twinlens.views.warp import compose, warp

ALL = [
    *(pytest.param(recipe, id=f"fine-tuning-{name}") for name, recipe in RECIPES.items()),
    *(
        pytest.param(recipe, id=f"pretraining-{name}-{number}")
        for name, pair in PAIRS.items()
        for number, recipe in enumerate(pair, start=1)
    ),
]
ROWS = np.array([5, 17, 3, 1000, 42, 8, 9, 77])


def images(batch=8, height=32, width=32):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("recipe", ALL)
@pytest.mark.parametrize("size", [None, 12])
def test_views_are_images(recipe, size):
    x = images(height=32, width=40).contiguous(memory_format=torch.channels_last)
    before = x.clone()
    views = view(x, ROWS, recipe=recipe, seed=0, step=0, size=size)
    assert views.shape == ((8, 3, 12, 12) if size else x.shape)
    assert views.is_contiguous(memory_format=torch.channels_last)
    assert views.dtype == torch.float32
    assert 0 <= views.min() <= views.max() <= 1
    assert views.std() > 0.05
    assert torch.equal(x, before)


@pytest.mark.parametrize("recipe", ALL)
def test_a_view_does_not_depend_on_the_other_images(recipe):
    x = images()
    together = view(x, ROWS, recipe=recipe, seed=0, step=3, size=16)
    chosen = [6, 1, 3]
    some = view(x[chosen], ROWS[chosen], recipe=recipe, seed=0, step=3, size=16)
    torch.testing.assert_close(some, together[chosen], atol=1e-6, rtol=0)


@pytest.mark.parametrize("recipe", ALL)
def test_a_view_is_repeatable_and_depends_on_seed_step_number_and_row(recipe):
    x = images()

    def made(rows=ROWS, **key):
        return view(x, rows, recipe=recipe, **{"seed": 0, "step": 0, "number": 1} | key)

    assert torch.equal(made(), made())
    for other in (made(seed=1), made(step=1), made(number=2), made(rows=ROWS + 1)):
        assert not torch.allclose(made(), other, atol=1e-2)


def test_the_default_recipe_changes_nothing():
    x = images()
    torch.testing.assert_close(
        view(x, ROWS, recipe=ViewRecipe(), seed=0, step=0), x, atol=2e-5, rtol=0
    )


def test_apply_is_the_operations_in_order():
    changes = {
        "colour_jitter": {"p": 1},
        "grey": {"p": 0.5},
        "solarise": {"p": 1},
        "blur": {"size": 32},
    }
    changes["blur"] = {"size": 32}
    recipe = ViewRecipe.model_validate(PAIRS["paper"][0].changed(changes))
    x = images()
    draws = draw(recipe, uniforms(0, 0, ROWS, COUNT), 32, 32)
    maps = [getattr(recipe, n).matrices(draws[n], 1.0) for n in ("crop", "horizontal_flip")]
    expected = warp(x, compose(*maps), 32, 32)
    expected = recipe.colour_jitter.apply(expected, *draws["colour_jitter"].numbers)
    lost = draws["grey"].applied
    expected = torch.where(lost[:, None, None, None], Grey().apply(expected), expected)
    expected = recipe.blur.apply(expected, *draws["blur"].numbers)
    expected = recipe.solarise.apply(expected, *draws["solarise"].numbers)
    assert 0 < lost.sum() < 8
    torch.testing.assert_close(apply(x, recipe, draws), expected.clamp(0, 1), atol=1e-6, rtol=0)


def test_only_the_drawn_images_are_changed():
    x, recipe = images(), ViewRecipe(solarise=Solarise(p=0.5))
    draws = draw(recipe, uniforms(0, 0, ROWS, COUNT), 32, 32)
    changed = (apply(x, recipe, draws) - x).abs().amax((1, 2, 3)) > 0.01
    assert 0 < changed.sum() < 8
    assert torch.equal(changed, draws["solarise"].applied)


def test_planned_views_are_numbered_through_and_each_has_the_size_of_its_kind():
    first, second = PAIRS["recommended"]
    plan = (PlannedViews(first, 16), PlannedViews(second, 32), PlannedViews(first, 12, count=2))
    views = planned_views(images(), ROWS, plan=plan, seed=4, step=9)
    kinds = ((first, 16), (second, 32), (first, 12), (first, 12))
    for number, (made, (recipe, size)) in enumerate(zip(views, kinds, strict=True), start=1):
        alone = view(images(), ROWS, recipe=recipe, seed=4, step=9, number=number, size=size)
        assert torch.equal(made, alone)
    assert not torch.allclose(views[2], views[3], atol=1e-2)
    other = images().flip(0)
    theirs = planned_views(other, ROWS, plan=plan, seed=4, step=9)
    mixed = planned_views(images(), ROWS, plan=plan, seed=4, step=9, partners=other)
    for made, expected in zip(mixed, (views[0], theirs[1], views[2], theirs[3]), strict=True):
        assert torch.equal(made, expected)


def test_views_can_be_trained_on():
    weight = torch.ones(3, 1, 1, requires_grad=True)
    views = view(images().requires_grad_(), ROWS, recipe=PAIRS["official"][0], seed=0, step=0)
    assert not views.requires_grad
    (views * weight).sum().backward()
    torch.testing.assert_close(weight.grad.flatten(), views.sum((0, 2, 3)))


def crops(recipe, step, rows=ROWS):
    """Recover the crop of each view from an image whose colours are coordinates."""
    across = torch.linspace(0, 1, 64).expand(64, 64)
    x = torch.stack((across, across.T, across)).expand(len(rows), 3, 64, 64)
    views = view(x, rows, recipe=recipe, seed=0, step=step)
    return views[:, :2].flatten(2).mean(2)


def test_per_batch_draws_are_shared_by_the_batch_but_not_by_steps():
    recipe = ViewRecipe(crop=Crop(scale=(0.2, 0.5), per_batch=True))
    first, second = crops(recipe, 0), crops(recipe, 1)
    assert (first - first[0]).abs().max() < 1e-6
    assert (first[0] - second[0]).abs().max() > 0.01
    own = crops(ViewRecipe(crop=Crop(scale=(0.2, 0.5))), 0)
    assert (own - own[0]).abs().amax(1)[1:].min() > 0.01


def test_per_batch_sigma_leaves_the_decision_to_each_image():
    rows = np.arange(64)
    x = images(1, 64, 64).expand(64, 3, 64, 64)
    recipe = ViewRecipe(blur=Blur(p=0.5, size=64, per_batch=True))
    views = view(x, rows, recipe=recipe, seed=0, step=0)
    sharpness = (views[..., 1:] - views[..., :-1]).abs().mean((1, 2, 3)).numpy()
    assert len(np.unique(sharpness.round(4))) == 2  # as it was, or blurred by the one sigma


def test_the_clean_view_leaves_the_right_size_alone():
    x = images()
    assert clean_view(x, 32) is x


@pytest.mark.parametrize("size", [9, 16, 50])
def test_the_clean_view_resizes_as_pillow_does(size):
    x = images(1, 32, 40)
    resized = [
        np.asarray(Image.fromarray(c.numpy()).resize((size, size), Image.Resampling.BILINEAR))
        for c in x[0]
    ]
    torch.testing.assert_close(
        clean_view(x, size)[0], torch.from_numpy(np.stack(resized)), atol=1e-5, rtol=0
    )


def test_the_clean_view_does_not_alias():
    checkerboard = torch.from_numpy((np.indices((64, 64)).sum(0) % 2).astype(np.float32))
    small = clean_view(checkerboard.expand(1, 3, 64, 64), 16)
    assert (small - 0.5).abs().max() < 0.01


def test_normalise_subtracts_and_divides_by_channel():
    x = torch.full((2, 3, 4, 5), 0.5)
    actual = normalise(x, (0.5, 0.25, 0.0), (1.0, 0.5, 0.25))
    assert actual[:, :, 0, 0].tolist() == [[0.0, 0.5, 2.0]] * 2
    assert torch.equal(actual, actual[:, :, :1, :1].expand_as(x))
