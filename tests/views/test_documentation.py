"""docs/views.md states the recipes that are in use."""

import re
from pathlib import Path

import pytest

from twinlens.views.recipe import ViewRecipe
from twinlens.views.recipes import PAIRS

TEXT = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def settings(recipe):
    """Return each setting as a list of numbers, by its key such as ``crop.scale``."""
    return {
        f"{name}.{key}": [*map(float, value if isinstance(value, tuple) else [value])]
        for name, operation in recipe.operations().items()
        for key, value in operation
    }


def test_the_documented_recipes_are_those_in_use():
    lines = TEXT[TEXT.index("| key |") :].partition("\n\n")[0].splitlines()
    assert cells(lines[0])[1:] == [*PAIRS]
    documented = {cells(line)[0].strip("`"): cells(line)[1:] for line in lines[2:]}
    assert sorted(documented) == sorted(settings(ViewRecipe()))
    columns = zip(*documented.values(), strict=True)
    for (first, second), column in zip(PAIRS.values(), columns, strict=True):
        for key, cell in zip(documented, column, strict=True):
            one, two = settings(first)[key], settings(second)[key]
            words = cell.replace("yes", "1").replace("no", "0")
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", words)]
            assert numbers == pytest.approx(one + two * (" / " in cell), abs=1e-4), key
            assert two == one or " / " in cell
