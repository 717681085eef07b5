"""What a recipe draws, by counting."""

import math

import numpy as np
import pytest

from twinlens.config import parse
from twinlens.errors import UserError
from twinlens.seeds import uniforms
from twinlens.views.operations.operation import WithProbability
from twinlens.views.recipe import COUNT, ViewRecipe, draw, random_numbers

N = 20_000
EVERYTHING = ViewRecipe.model_validate(
    {
        "crop": {"scale": (0.3, 1.0)},
        "horizontal_flip": {"p": 0.5},
        "vertical_flip": {"p": 0.25},
        "rotation": {"p": 0.5, "degrees": (-45, 30)},
        "colour_jitter": {"p": 0.8, "brightness": 0.4, "hue": 0.1},
        "grey": {"p": 0.2},
        "blur": {"p": 0.1},
        "solarise": {"p": 0.3, "threshold": (0.4, 0.6), "addition": (-0.1, 0.1)},
    }
)


@pytest.fixture(scope="module")
def draws():
    return draw(EVERYTHING, uniforms(0, 0, np.arange(N), COUNT), 64, 64)


def test_probabilities_and_ranges(draws):
    for name, operation in EVERYTHING.operations().items():
        p, happened = operation.probability(), draws[name].applied.float().mean()
        assert abs(happened - p) <= 5 * math.sqrt(p * (1 - p) / N)
        if not isinstance(operation, WithProbability):
            continue
        scale = operation.size if name == "blur" else 1
        for numbers, (low, high) in zip(draws[name].numbers, operation.ranges(), strict=True):
            values = numbers.double().numpy() * scale
            assert low - 1e-6 <= values.min() <= values.max() <= high + 1e-6
            if low < high:
                counts = np.histogram(values, bins=10, range=(low, high))[0]
                assert np.abs(counts - N / 10).max() < 5 * math.sqrt(0.09 * N)


def test_decisions_are_independent(draws):
    happened = [
        np.asarray(draws[name].applied, float)
        for name, operation in EVERYTHING.operations().items()
        if isinstance(operation, WithProbability)
    ]
    correlation = np.corrcoef(np.stack(happened))
    assert np.abs(correlation - np.eye(len(happened))).max() < 5 / math.sqrt(N)


def test_recipes_share_the_numbers_they_have_in_common(draws):
    other = ViewRecipe.model_validate(EVERYTHING.changed({"crop": {"scale": (0.7, 1)}, "grey": {}}))
    drawn = draw(other, uniforms(0, 0, np.arange(50), COUNT), 64, 64)
    for name in ("horizontal_flip", "colour_jitter", "solarise"):
        for one, two in zip(
            (draws[name].applied, *draws[name].numbers),
            (drawn[name].applied, *drawn[name].numbers),
            strict=True,
        ):
            assert (one[:50] == two).all()


def test_a_batch_shares_the_crop_and_the_numbers_of_other_operations():
    recipe = ViewRecipe.model_validate(
        {"crop": {"per_batch": True}, "blur": {"p": 0.5, "per_batch": True}}
    )
    one, two = (random_numbers(recipe, np.arange(50), seed=0, step=step) for step in (0, 1))
    own = uniforms(0, 0, np.arange(50), COUNT)
    shared = (one == one[0]).all(axis=0)
    assert shared.sum() == 22 + 1
    assert (one[:, ~shared] == own[:, ~shared]).all()
    assert (one[0, shared] != two[0, shared]).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"crop": {"scale": [0.9, 0.3]}}, "'crop.scale' is wrong.*must not be above the second"),
        ({"crop": {"scale": [0.0, 1.0]}}, "'crop.scale.0' is wrong.*greater than 0"),
        ({"horizontal_flip": {"p": 1.5}}, "flip.p' is wrong.*less than or equal to 1"),
        ({"colour_jitter": {"hue": 0.7}}, "jitter.hue' is wrong.*less than or equal to 0.5"),
        ({"blur": {"kernel": 12}}, "'blur.kernel' is wrong.*must be odd"),
        ({"blur": {"kernel": 501}}, "kernel 501 is wider than the view of size 256"),
        ({"crop": {"ratio": [1, float("inf")]}}, "'crop.ratio.1' is wrong.*finite number"),
        ({"colour_jitter": {"contrast": float("nan")}}, "contrast' is wrong.*finite number"),
        ({"blur": {"sigma": [0, 1]}}, "'blur.sigma.0' is wrong.*greater than 0"),
        ({"vertical_flip": 0.5}, "'vertical_flip' is wrong.*keys and values are needed"),
        ({"flip": {"p": 0.5}}, "Unknown key 'flip'"),
        ({"blur": {"sigmas": 1}}, "Unknown key below 'blur': 'sigmas'. Did you mean 'sigma'"),
    ],
)
def test_wrong_recipes_are_explained(content, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(ViewRecipe, content, where="views.yaml")
