"""The named recipes are those of the protocols; docs/views.md is checked number by number."""

import pytest

from twinlens.errors import UserError
from twinlens.views.recipe import ViewRecipe
from twinlens.views.recipes import PAIRS, RECIPES, named_pair, named_recipe

ALL = [*RECIPES.values(), *(recipe for pair in PAIRS.values() for recipe in pair)]


def test_fine_tuning_recipes_are_the_protocols():
    protocols = {name: recipe for name, recipe in RECIPES.items() if name != "strong"}
    for recipe in protocols.values():
        used = {n: o.probability() for n, o in recipe.operations().items() if o.probability()}
        assert used == {"crop": 1, "horizontal_flip": 0.25, "rotation": 0.25}
        assert (recipe.crop.scale, recipe.crop.ratio) == ((0.7, 1.0), (3 / 4, 4 / 3))
    assert {name: recipe.rotation.degrees for name, recipe in protocols.items()} == {
        "paper": (0, 45),
        "paper-code": (-45, 45),
        "recommended": (-45, 45),
    }
    assert [name for name, recipe in protocols.items() if recipe.crop.per_batch] == ["paper-code"]


@pytest.mark.parametrize("recipe", ALL)
def test_named_recipes_pass_their_own_checks(recipe):
    assert ViewRecipe.model_validate(recipe.model_dump()) == recipe


def test_changes_leave_the_other_settings():
    recipe = named_recipe("paper", {"blur": {"p": 0.5}, "rotation": {"degrees": [0, 9]}})
    assert (recipe.blur.p, recipe.rotation.degrees, recipe.rotation.p) == (0.5, (0, 9), 0.25)
    first, second = named_pair("recommended", {"blur": {"kernel": 3}})
    assert (first.blur.p, second.blur.p) == (1.0, 0.1)
    assert first.blur.kernel == second.blur.kernel == 3


@pytest.mark.parametrize("named", [named_recipe, named_pair])
def test_unknown_recipes_and_settings_are_refused(named):
    with pytest.raises(UserError, match="Unknown recipe of views 'strange'"):
        named("strange", {})
    with pytest.raises(UserError, match="Settings of the views: Unknown key below 'crop'"):
        named("paper", {"crop": {"size": 3}})
