import re
from pathlib import Path

import pytest

from twinlens.views.parameters import ViewRecipe
from twinlens.views.recipes import PAIRS

TEXT = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def values(recipe, key):
    value = getattr(recipe, key)
    return [*value] if isinstance(value, tuple) else [value]


def test_the_documented_recipes_are_those_in_use():
    lines = TEXT[TEXT.index("| key |") :].partition("\n\n")[0].splitlines()
    assert cells(lines[0])[1:] == [*PAIRS]
    documented = {cells(line)[0].strip("`"): cells(line)[1:] for line in lines[2:]}
    assert [*documented] == [*ViewRecipe.model_fields]
    columns = zip(*documented.values(), strict=True)
    for (first, second), column in zip(PAIRS.values(), columns, strict=True):
        for key, cell in zip(documented, column, strict=True):
            both = [values(first, key)] + [values(second, key)] * (" / " in cell)
            assert values(second, key) == both[-1]
            expected = [value for each in both for value in each]
            if key == "per_batch":
                assert cell == ", ".join(expected)
            else:
                numbers = [float(number) for number in re.findall(r"-?[\d.]+", cell)]
                assert numbers == pytest.approx(expected, abs=1e-4)
