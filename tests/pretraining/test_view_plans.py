import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.pretraining.method import configure
from twinlens.pretraining.view_plans import multi_crop, pair
from twinlens.views.recipes import PAIRS
from twinlens.views.view import PlannedViews, planned_views


def _config(**settings):
    return configure("recommended", {"method": "dino", **settings}, where="")


def test_a_pair_is_both_recipes_at_one_size():
    plan = pair(configure("paper", {}, where=""), 64)
    assert plan == tuple(PlannedViews(recipe, 64) for recipe in PAIRS["paper"])


def test_small_views_differ_from_view_1_in_crop_and_blur_alone():
    first, second, local = multi_crop(_config(local_views=6, local_scale=(0.1, 0.2)), 96)
    assert (first, second) == pair(_config(), 96)
    assert (local.size, local.count) == (48, 6)
    changed = {
        name
        for name, operation in local.recipe.operations().items()
        if operation != first.recipe.operations()[name]
    }
    assert changed == {"crop", "blur"}
    assert local.recipe.crop.scale == (0.1, 0.2)
    assert local.recipe.crop.ratio == first.recipe.crop.ratio
    assert (first.recipe.blur.p, local.recipe.blur.p) == (1, 0.5)


def test_without_small_views_it_is_a_pair():
    assert multi_crop(_config(local_views=0), 64) == pair(_config(), 64)


@pytest.mark.parametrize(("size", "local"), [(224, 96), (128, 48), (64, 32), (32, 16), (12, 12)])
def test_small_views_are_by_default_three_sevenths_in_steps_of_16(size, local):
    assert multi_crop(_config(), size)[-1].size == local
    assert multi_crop(_config(local_size=8), size)[-1].size == 8


def test_small_views_that_are_larger_are_refused():
    with pytest.raises(UserError, match="local_size=65 is above the 64 pixels"):
        multi_crop(_config(local_size=65), 64)
    with pytest.raises(UserError, match=r"'local_scale' is wrong.*must not be above the second"):
        _config(local_scale=(0.3, 0.1))


def test_small_views_show_their_share_of_the_image():
    """Of an image whose colours are coordinates: the extent of a view, each drawn on its own."""
    across = torch.linspace(0, 1, 64).expand(64, 64)
    images = torch.stack((across, across.T, across)).expand(200, 3, 64, 64)
    still = {name: {"p": 0} for name in ("rotation", "colour_jitter", "blur")}
    plan = multi_crop(_config(local_views=2, local_scale=(0.05, 0.3), view_changes=still), 64)
    views = planned_views(images, np.arange(200), plan=plan, seed=0, step=0)
    assert [view.shape[-1] for view in views] == [64, 64, 32, 32]
    assert not torch.equal(views[2], views[3])
    for view, (low, high) in zip(
        views, [(0.3, 1), (0.3, 1), (0.05, 0.3), (0.05, 0.3)], strict=True
    ):
        sides = [view[:, i].amax((1, 2)) - view[:, i].amin((1, 2)) for i in (0, 1)]
        areas = sides[0] * sides[1] * (view.shape[-1] / (view.shape[-1] - 1)) ** 2
        assert low * 0.9 < areas.min() < areas.max() < high * 1.1
