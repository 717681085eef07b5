"""What is drawn, by counting."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from twinlens.config import parse
from twinlens.errors import UserError
from twinlens.seeds import uniforms
from twinlens.views.parameters import COUNT, ViewRecipe, draw

N = 20_000
EVERYTHING = ViewRecipe(
    crop_scale=(0.3, 1.0),
    flip_p=0.5,
    vertical_flip_p=0.25,
    rotate_p=0.5,
    rotate_degrees=(-45, 30),
    jitter_p=0.8,
    brightness=0.4,
    contrast=0.3,
    saturation=0.2,
    hue=0.1,
    grey_p=0.2,
    blur_p=0.1,
    solarise_p=0.3,
    solarise_threshold=(0.4, 0.6),
    solarise_addition=(-0.1, 0.1),
)


def drawn(recipe, height=64, width=64, n=N, step=0):
    return draw(recipe, uniforms(0, step, np.arange(n), COUNT), height, width)


@pytest.fixture(scope="module")
def draws():
    return drawn(EVERYTHING)


def assert_share(happened, p):
    happened = np.asarray(happened)
    assert abs(happened.mean() - p) < 5 * math.sqrt(p * (1 - p) / len(happened))


def assert_uniform(values, low, high):
    values = np.asarray(values, dtype=np.float64)
    assert low - 1e-6 <= values.min()
    assert values.max() <= high + 1e-6
    counts = np.histogram(values, bins=10, range=(low, high))[0]
    assert np.abs(counts - len(values) / 10).max() < 5 * math.sqrt(0.09 * len(values))


def test_probabilities(draws):
    assert_share(draws.flip, 0.5)
    assert_share(draws.vertical_flip, 0.25)
    assert_share(draws.angle != 0, 0.5)
    assert_share(draws.jitter, 0.8)
    assert_share(draws.grey, 0.2)
    assert_share(draws.sigma > 0, 0.1)
    assert_share(draws.solarise, 0.3)


def test_ranges(draws):
    assert_uniform(draws.angle[draws.angle != 0], -45, 30)
    assert_uniform(draws.brightness, 0.6, 1.4)
    assert_uniform(draws.contrast, 0.7, 1.3)
    assert_uniform(draws.saturation, 0.8, 1.2)
    assert_uniform(draws.hue, -0.1, 0.1)
    assert_uniform(draws.sigma[draws.sigma > 0] * 256, 0.1, 2.0)
    assert_uniform(draws.threshold, 0.4, 0.6)
    assert_uniform(draws.addition, -0.1, 0.1)
    assert_uniform(drawn(ViewRecipe(brightness=1.5)).brightness, 0, 2.5)


def test_decisions_are_independent(draws):
    happened = [draws.flip, draws.vertical_flip, draws.angle != 0, draws.jitter]
    happened += [draws.grey, draws.sigma > 0, draws.solarise]
    correlation = np.corrcoef(np.stack([np.asarray(h, float) for h in happened]))
    assert np.abs(correlation - np.eye(len(happened))).max() < 5 / math.sqrt(N)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_and_impossible(p):
    certain = drawn(ViewRecipe(flip_p=p, jitter_p=p, grey_p=p, blur_p=p, solarise_p=p), n=500)
    for happened in (certain.flip, certain.jitter, certain.grey, certain.sigma, certain.solarise):
        assert bool((happened > 0).all()) is bool(p)
        assert bool((happened > 0).any()) is bool(p)


def test_the_default_recipe_draws_nothing():
    nothing = drawn(ViewRecipe(), n=200)
    assert (nothing.box == nothing.box.new_tensor([0, 0, 1, 1])).all()
    assert not nothing.angle.any()
    assert not nothing.sigma.any()


def torchvisions_box(generator, height, width, scale, ratio):
    """RandomResizedCrop.get_params, without rounding to whole pixels."""
    for _ in range(10):
        area = height * width * generator.uniform(*scale)
        aspect = math.exp(generator.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if w <= width and h <= height:
            left, top = generator.uniform(0, width - w), generator.uniform(0, height - h)
            return left / width, top / height, w / width, h / height
    w, h = width, height
    if width / height < ratio[0]:
        h = width / ratio[0]
    elif width / height > ratio[1]:
        w = height * ratio[1]
    return (width - w) / 2 / width, (height - h) / 2 / height, w / width, h / height


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 100)])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.7, 1.0)])
def test_boxes_are_distributed_as_torchvisions(height, width, scale):
    ratio = (3 / 4, 4 / 3)
    generator = random.Random(0)
    theirs = np.array([torchvisions_box(generator, height, width, scale, ratio) for _ in range(N)])
    ours = drawn(ViewRecipe(crop_scale=scale), height, width).box.double().numpy()
    for described in (
        lambda b: b[:, 2] * b[:, 3],  # area
        lambda b: np.log(b[:, 2] * width / (b[:, 3] * height)),  # ratio
        lambda b: b[:, 0] + b[:, 2] / 2,  # centre
        lambda b: b[:, 1] + b[:, 3] / 2,
    ):
        assert stats.ks_2samp(described(ours).round(5), described(theirs).round(5)).pvalue > 1e-4


def test_boxes_stay_inside_and_in_their_ranges(draws):
    left, top, width, height = draws.box.double().numpy().T
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
    area, ratio = width * height, width / height
    assert area.min() >= 0.3 - 1e-6
    assert area.min() < 0.31
    assert area.max() > 0.97
    assert 3 / 4 - 1e-6 <= ratio.min() < 0.76
    assert 1.32 < ratio.max() <= 4 / 3 + 1e-6


def test_a_box_that_cannot_fit_is_the_largest_allowed_in_the_middle():
    box = drawn(ViewRecipe(crop_scale=(1.0, 1.0)), height=50, width=100, n=3).box
    expected = box.new_tensor([1 / 6, 0, 2 / 3, 1])  # 4:3 in an image of 2:1
    assert (box - expected).abs().max() < 1e-6


def test_recipes_share_the_numbers_they_have_in_common():
    one = drawn(EVERYTHING, n=50)
    other = drawn(EVERYTHING.model_copy(update={"crop_scale": (0.7, 1.0), "grey_p": 0.0}), n=50)
    assert (one.flip == other.flip).all()
    assert (one.hue == other.hue).all()
    assert (one.threshold == other.threshold).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"crop_scale": [0.9, 0.3]}, "'crop_scale' is wrong.*must not be above the second"),
        ({"crop_scale": [0.0, 1.0]}, "'crop_scale.0' is wrong.*greater than 0"),
        ({"flip_p": 1.5}, "'flip_p' is wrong.*less than or equal to 1"),
        ({"hue": 0.7}, "'hue' is wrong.*less than or equal to 0.5"),
        ({"blur_kernel": 12}, "'blur_kernel' is wrong.*must be odd"),
        ({"blur_kernel": 501}, "blur_kernel 501 is wider than the view of blur_size 256"),
        ({"crop_ratio": [1, float("inf")]}, "'crop_ratio.1' is wrong.*finite number"),
        ({"brightness": float("nan")}, "'brightness' is wrong.*finite number"),
        ({"blur_sigma": [0, 1]}, "'blur_sigma.0' is wrong.*greater than 0"),
        ({"per_batch": ["flip"]}, "'per_batch.0' is wrong.*'crop' or 'blur_sigma'"),
        ({"flip": 0.5}, "Unknown key 'flip'. Did you mean 'flip_p'"),
    ],
)
def test_wrong_recipes_are_explained(content, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(ViewRecipe, content, where="views.yaml")
