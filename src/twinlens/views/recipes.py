"""The table of recipes: two views for pretraining, one for fine-tuning and for test time.

`official` is Barlow Twins' ImageNet code (Zbontar et al. 2021), `paper` the text of the
further-pretraining paper, `paper-code` its authors' code, `recommended` what we recommend for small
medical images: no crop so tiny that it misses the finding, and, where pretraining sees no labels,
flips both ways and so little change of colour that it keeps its meaning (docs/results.md has what
that is worth on dermatoscopic images).

Recipes are plain dicts and not a registry: an entry is a record of settings, not a file.
"""

from collections.abc import Mapping
from typing import Any

from twinlens.config import parse
from twinlens.errors import unknown
from twinlens.views.operations.blur import Blur
from twinlens.views.operations.colour_jitter import ColourJitter
from twinlens.views.operations.crop import Crop
from twinlens.views.operations.flip import HorizontalFlip, VerticalFlip
from twinlens.views.operations.grey import Grey
from twinlens.views.operations.rand_augment import RandAugment
from twinlens.views.operations.rotation import Rotation
from twinlens.views.operations.solarise import Solarise
from twinlens.views.recipe import ViewRecipe

Pair = tuple[ViewRecipe, ViewRecipe]


def _pair(recipe: ViewRecipe, *, solarised: float) -> Pair:
    """View 1 is always blurred and never solarised, view 2 rarely blurred."""
    first, second = (
        recipe.blur.model_copy(update={"p": 1.0}),
        recipe.blur.model_copy(update={"p": 0.1}),
    )
    solarise = recipe.solarise.model_copy(update={"p": solarised})
    return (
        recipe.model_copy(update={"blur": first}),
        recipe.model_copy(update={"blur": second, "solarise": solarise}),
    )


_PAPER = ViewRecipe(
    crop=Crop(scale=(0.7, 1.0)),
    horizontal_flip=HorizontalFlip(p=0.5),
    colour_jitter=ColourJitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1),
    grey=Grey(p=0.2),
    solarise=Solarise(threshold=(0.4, 0.6), addition=(-0.1, 0.1)),
)

PAIRS: dict[str, Pair] = {
    # 224-pixel views; Pillow's solarising inverts from 128 of 255 on and adds nothing.
    "official": _pair(
        _PAPER.model_copy(
            update={
                "crop": Crop(scale=(0.08, 1.0)),
                "blur": Blur(size=224),
                "solarise": Solarise(threshold=(128 / 255, 128 / 255)),
            }
        ),
        solarised=0.2,
    ),
    "paper": _pair(_PAPER, solarised=0.2),
    "paper-code": _pair(
        ViewRecipe(
            crop=Crop(scale=(0.7, 1.0), per_batch=True),
            horizontal_flip=HorizontalFlip(p=0.5),
            rotation=Rotation(p=0.5, degrees=(-45.0, 45.0)),
            colour_jitter=ColourJitter(
                p=0.8, brightness=0.24, contrast=0.24, saturation=0.12, hue=0.06
            ),
            grey=Grey(p=0.2),
            blur=Blur(per_batch=True),
            solarise=_PAPER.solarise,
        ),
        solarised=0.2,
    ),
    "recommended": _pair(
        ViewRecipe(
            crop=Crop(scale=(0.3, 1.0)),
            horizontal_flip=HorizontalFlip(p=0.5),
            vertical_flip=VerticalFlip(p=0.5),
            rotation=Rotation(p=0.5, degrees=(-45.0, 45.0)),
            colour_jitter=ColourJitter(
                p=0.8, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.02
            ),
        ),
        solarised=0.0,
    ),
}
"""Recipes of the two views for pretraining, by preset."""

_FLIP = HorizontalFlip(p=0.25)
_TURN = Rotation(p=0.25, degrees=(-45.0, 45.0))

RECIPES: dict[str, ViewRecipe] = {
    "paper": ViewRecipe(
        crop=Crop(scale=(0.7, 1.0)),
        horizontal_flip=_FLIP,
        rotation=Rotation(p=0.25, degrees=(0.0, 45.0)),
    ),
    "paper-code": ViewRecipe(
        crop=Crop(scale=(0.7, 1.0), per_batch=True), horizontal_flip=_FLIP, rotation=_TURN
    ),
    "recommended": ViewRecipe(crop=Crop(scale=(0.7, 1.0)), horizontal_flip=_FLIP, rotation=_TURN),
    "strong": ViewRecipe(
        crop=Crop(scale=(0.5, 1.0)),
        horizontal_flip=HorizontalFlip(p=0.5),
        vertical_flip=VerticalFlip(p=0.5),
        rand_augment=RandAugment(operations=2, magnitude=0.5),
    ),
}
"""Recipes for fine-tuning and for test-time views, by preset."""


def named_recipe(name: str, changes: Mapping[str, Any]) -> ViewRecipe:
    """Return one of `RECIPES` with some of its settings changed.

    Raises:
        UserError: There is no such recipe or setting, or a value is wrong.
    """
    if name not in RECIPES:
        raise unknown("recipe of views", name, RECIPES)
    return _changed(RECIPES[name], changes)


def named_pair(name: str, changes: Mapping[str, Any]) -> Pair:
    """Return one of `PAIRS` with some settings changed in both views; errors as above."""
    if name not in PAIRS:
        raise unknown("recipe of views", name, PAIRS)
    first, second = PAIRS[name]
    return _changed(first, changes), _changed(second, changes)


def _changed(recipe: ViewRecipe, changes: Mapping[str, Any]) -> ViewRecipe:
    return parse(ViewRecipe, recipe.changed(changes), where="Settings of the views")
