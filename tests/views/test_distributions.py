"""What each named recipe draws over many images, against what its numbers say.

The p values are bounds on fixed numbers: nothing here differs from run to run.
"""

from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy import stats

from twinlens.views import recipes
from twinlens.views.parameters import CROP_ATTEMPTS
from twinlens.views.recipes import PAIRS, RECIPES, view

N = 20_000
STEPS = 2_000  # of batches, where a batch has one draw
SURE = 1e-4
EACH = {f"fine-tuning {name}": (recipe, 1) for name, recipe in RECIPES.items()} | {
    f"{name} {number}": (recipe, number)
    for name, pair in PAIRS.items()
    for number, recipe in enumerate(pair, start=1)
}
DECISIONS = {
    "flip": lambda d: d["flip"],
    "vertical_flip": lambda d: d["vertical_flip"],
    "rotate": lambda d: d["angle"] != 0,
    "jitter": lambda d: d["jitter"],
    "grey": lambda d: d["grey"],
    "blur": lambda d: d["sigma"] > 0,
    "solarise": lambda d: d["solarise"],
}


def drawn(name, rows=N, step=0, number=None):
    """Return what a recipe draws for square images, taken where a view would apply it."""
    recipe, own = EACH[name]
    images = torch.zeros(1, 3, 64, 64).expand(rows, -1, -1, -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "apply", lambda _, draws, **__: draws)
        draws = view(
            images, np.arange(rows), recipe=recipe, seed=0, step=step, number=number or own
        )
    tensors = {f.name: getattr(draws, f.name) for f in fields(draws) if f.name != "blur_radius"}
    return {key: value.double().numpy() for key, value in tensors.items()}


@pytest.fixture(scope="module", params=EACH)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def recipe(name):
    return EACH[name][0]


@pytest.fixture(scope="module")
def draws(name, recipe):
    """Many draws; of what a batch shares, one for each of many steps."""
    images = drawn(name)
    if recipe.per_batch:
        steps = [drawn(name, rows=8, step=step) for step in range(STEPS)]
        images["box"] = np.stack([step["box"][0] for step in steps])
        images["sigma of a step"] = np.array([step["sigma"].max() for step in steps])
    return images


def assert_uniform(values, low, high):
    if low == high:
        np.testing.assert_allclose(values, low, rtol=1e-6)
    else:
        assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > SURE


@pytest.mark.parametrize("decision", DECISIONS)
def test_each_step_is_taken_with_its_probability(draws, recipe, decision):
    p = getattr(recipe, f"{decision}_p")
    taken = int(DECISIONS[decision](draws).sum())
    assert stats.binomtest(taken, N, p).pvalue > SURE
    if p in (0, 1):
        assert taken == p * N


def test_numbers_are_uniform_in_their_ranges(draws, recipe):
    for part in ("brightness", "contrast", "saturation"):
        strength = getattr(recipe, part)
        assert_uniform(draws[part], 1 - strength, 1 + strength)
    assert_uniform(draws["hue"], -recipe.hue, recipe.hue)
    assert_uniform(draws["threshold"], *recipe.solarise_threshold)
    assert_uniform(draws["addition"], *recipe.solarise_addition)
    if recipe.rotate_p:
        assert_uniform(draws["angle"][draws["angle"] != 0], *recipe.rotate_degrees)
    sigma = draws.get("sigma of a step", draws["sigma"])
    if recipe.blur_p:
        assert_uniform(sigma[sigma > 0] * recipe.blur_size, *recipe.blur_sigma)


def share_that_fits(area, limit):
    """Integrate from 0 to `area` the share of ratios that fit a square image beside an area.

    The logarithm of the ratio is uniform in [-limit, limit], and a box fits where it lies within
    the logarithm of the area: always up to the area exp(-limit), and then less and less.
    """
    knee = np.exp(-limit)
    above = np.maximum(area, knee)
    rest = above * (1 - np.log(above)) - knee * (1 - np.log(knee))
    return np.minimum(area, knee) + rest / limit


def test_boxes_are_uniform_where_they_fit(draws, recipe):
    (low, high), limit = recipe.crop_scale, np.log(recipe.crop_ratio[1])
    start, whole = share_that_fits(np.array(low), limit), share_that_fits(np.array(high), limit)
    fitting = (draws["box"][:, 2:] < 1).any(axis=1)
    # A box that never fitted is the whole image.
    fails = (1 - (whole - start) / (high - low)) ** CROP_ATTEMPTS
    assert stats.binomtest(int((~fitting).sum()), len(fitting), fails).pvalue > SURE
    left, top, width, height = draws["box"][fitting].T
    area, ratio = width * height, np.log(width / height)
    law = stats.kstest(area, lambda a: (share_that_fits(a, limit) - start) / (whole - start))
    assert law.pvalue > SURE
    assert_uniform(ratio / np.minimum(limit, -np.log(area)), -1, 1)
    assert_uniform(left[width < 1] / (1 - width[width < 1]), 0, 1)
    assert_uniform(top[height < 1] / (1 - height[height < 1]), 0, 1)


def columns(draws):
    """Return the draws that vary, standardised, a column each; of the box its centre and size."""
    left, top, width, height = draws["box"].T
    table = {key: value for key, value in draws.items() if value.ndim == 1}
    table |= {"x": left + width / 2, "y": top + height / 2, "w": width, "h": height}
    table = {key: value for key, value in table.items() if np.ptp(value) > 1e-6}
    return {key: (value - value.mean()) / value.std() for key, value in table.items()}


def correlations(first, second):
    first, second = columns(first), columns(second)
    product = np.stack([*first.values()]) @ np.stack([*second.values()]).T / N
    return list(first), np.abs(product)


def test_what_is_drawn_for_an_image_is_independent(name):
    draws = drawn(name)
    names, found = correlations(draws, draws)
    box = np.isin(names, ["w", "h"])  # sides of one area, and so related
    found[np.outer(box, box) | np.eye(len(names), dtype=bool)] = 0
    assert found.max() < 4.5 / np.sqrt(N)


def test_views_steps_and_images_are_drawn_independently(name):
    draws = drawn(name)
    neighbours = {key: np.roll(value, 1, axis=0) for key, value in draws.items()}
    other_view = drawn(name, number=3 - EACH[name][1])
    for other in (other_view, drawn(name, step=1), neighbours):
        assert correlations(draws, other)[1].max() < 4.5 / np.sqrt(N)


def test_a_batch_shares_what_the_recipe_names(name, recipe):
    """Were another draw shared, one batch would not hold its distribution, as it does above."""
    batch = drawn(name, rows=200)
    sigma = batch["sigma"][batch["sigma"] > 0]
    assert (np.ptp(batch["box"], axis=0).max() == 0) == ("crop" in recipe.per_batch)
    if recipe.blur_p:
        assert (np.ptp(sigma) == 0) == ("blur_sigma" in recipe.per_batch)
