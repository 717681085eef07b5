"""What each named recipe draws over many images, against what its numbers say.

The p values are bounds on fixed numbers: nothing here differs from run to run.
"""

import numpy as np
import pytest
import torch
from scipy import stats

from twinlens.views import view as view_module
from twinlens.views.operations.crop import ATTEMPTS
from twinlens.views.operations.operation import Draw, WithProbability
from twinlens.views.recipes import PAIRS, RECIPES
from twinlens.views.view import view

N = 20_000
STEPS = 2_000  # of batches, where a batch has one draw
SURE = 1e-4
EACH = {f"fine-tuning {name}": (recipe, 1) for name, recipe in RECIPES.items()} | {
    f"{name} {number}": (recipe, number)
    for name, pair in PAIRS.items()
    for number, recipe in enumerate(pair, start=1)
}
OPERATIONS = PAIRS["paper"][0].operations().items()
DECISIONS = [name for name, operation in OPERATIONS if isinstance(operation, WithProbability)]


def drawn(name, rows=N, step=0, number=None):
    """Return what a recipe draws for square images, taken where a view would apply it."""
    recipe, own = EACH[name]
    images = torch.zeros(1, 3, 64, 64).expand(rows, -1, -1, -1)
    with pytest.MonkeyPatch.context() as patch:
        draws: dict[str, Draw] = {}
        patch.setattr(view_module, "apply", lambda x, _, drawn, **__: draws.update(drawn) or x)
        view(images, np.arange(rows), recipe=recipe, seed=0, step=step, number=number or own)
    table = {name: draw.applied for name, draw in draws.items() if name != "crop"}
    table |= {
        f"{name} {i}": numbers
        for name, draw in draws.items()
        for i, numbers in enumerate(draw.numbers)
        if name != "crop"
    }
    table["box"] = torch.stack(draws["crop"].numbers, dim=1)
    return {key: value.double().numpy() for key, value in table.items()}


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
    shared = {"box": recipe.crop.per_batch, "blur 0": recipe.blur.per_batch}
    if any(shared.values()):
        steps = [drawn(name, rows=8, step=step) for step in range(STEPS)]
        per_step = {key: np.stack([step[key][0] for step in steps]) for key in shared}
        images |= {key: values for key, values in per_step.items() if shared[key]}
    return images


def assert_uniform(values, low, high):
    if low == high:
        np.testing.assert_allclose(values, low, rtol=1e-6)
    else:
        assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > SURE


@pytest.mark.parametrize("decision", DECISIONS)
def test_each_operation_is_applied_with_its_probability(draws, recipe, decision):
    p = getattr(recipe, decision).p
    taken = int(draws[decision].sum())
    assert stats.binomtest(taken, N, p).pvalue > SURE
    if p in (0, 1):
        assert taken == p * N


@pytest.mark.parametrize("operation_name", DECISIONS)
def test_numbers_are_uniform_in_their_ranges(draws, recipe, operation_name):
    operation = getattr(recipe, operation_name)
    for i, (low, high) in enumerate(operation.ranges()):
        scale = operation.size if operation_name == "blur" else 1
        assert_uniform(draws[f"{operation_name} {i}"] * scale, low, high)


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
    (low, high), limit = recipe.crop.scale, np.log(recipe.crop.ratio[1])
    start, whole = share_that_fits(np.array(low), limit), share_that_fits(np.array(high), limit)
    fitting = (draws["box"][:, 2:] < 1).any(axis=1)
    # A box that never fitted is the whole image.
    fails = (1 - (whole - start) / (high - low)) ** ATTEMPTS
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
    assert (np.ptp(batch["box"], axis=0).max() == 0) == recipe.crop.per_batch
    assert (np.ptp(batch["blur 0"]) == 0) == recipe.blur.per_batch
