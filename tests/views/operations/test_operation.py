"""What every operation has in common."""

import numpy as np
import pytest
import torch

from twinlens.seeds import uniforms
from twinlens.views.operations.operation import Photometric, WithProbability, range_text
from twinlens.views.recipe import ViewRecipe

OPERATIONS = ViewRecipe().operations()
WITH_P = {name: o for name, o in OPERATIONS.items() if isinstance(o, WithProbability)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_draws_from_as_many_numbers_as_it_declares(name):
    operation = OPERATIONS[name]
    draw = operation.draw(uniforms(0, 0, np.arange(5), operation.NUMBERS), 1.0)
    assert [len(numbers) for numbers in (draw.applied, *draw.numbers)] == [5] * (
        1 + len(draw.numbers)
    )
    assert operation.TITLE
    assert operation.probability() == 0


@pytest.mark.parametrize("name", WITH_P)
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_and_impossible(name, p):
    operation = WITH_P[name].model_copy(update={"p": p})
    assert 1 + len(operation.ranges()) == operation.NUMBERS
    applied, numbers = operation.draw(uniforms(0, 0, np.arange(500), operation.NUMBERS), 1.0)
    assert applied.all() if p else not applied.any()
    assert len(numbers) == operation.NUMBERS - 1


@pytest.mark.parametrize("name", [n for n, o in WITH_P.items() if isinstance(o, Photometric)])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 8)])
def test_images_are_left_as_they_are(name, height, width):
    operation = OPERATIONS[name].model_copy(update={"kernel": 1} if name == "blur" else {})
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    operation.apply(x, *[torch.full((2,), 0.5)] * (operation.NUMBERS - 1))
    assert torch.equal(x, before)


def test_ranges_are_written_short():
    assert range_text((0.5, 0.5)) == "0.5"
    assert range_text((-0.1, 128 / 255)) == "−0.1 to 0.502"
