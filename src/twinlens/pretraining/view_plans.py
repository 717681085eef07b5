"""Which views an image gets in a step: by default a pair, or multi-crop."""

from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt

from twinlens.errors import UserError
from twinlens.settings.pretraining import Pretraining
from twinlens.views.operations.operation import Share, ordered
from twinlens.views.recipe import ViewRecipe
from twinlens.views.recipes import named_pair
from twinlens.views.view import PlannedViews, ViewPlan

_STEP = 16


def pair(config: Pretraining, size: int) -> ViewPlan:
    """Return views 1 and 2 of the recipe that the settings name.

    Args:
        config: The settings.
        size: Side of the views in pixels.

    Raises:
        UserError: There is no such recipe or setting of a view, or a value is wrong.
    """
    first, second = named_pair(config.views, config.view_changes)
    return PlannedViews(first, size), PlannedViews(second, size)


_PositiveShare = Annotated[Share, Field(gt=0)]


class MultiCrop(Pretraining):
    """Settings of the methods that add small views to the pair (2006.09882, section 3.3).

    Attributes:
        local_views: Number of small views; 0 for the pair alone.
        local_size: Side of the small views in pixels, for a vision transformer a multiple of its
            patch; null for the multiple of 16 nearest to 3/7 of the others' side, as 96 is of 224.
        local_scale: Area of the small views' crops as a share of the image's.
    """

    local_views: NonNegativeInt = 4
    local_size: PositiveInt | None = None
    local_scale: Annotated[tuple[_PositiveShare, _PositiveShare], AfterValidator(ordered)] = (
        0.05,
        0.3,
    )


def multi_crop(config: MultiCrop, size: int) -> ViewPlan:
    """Return the pair and the small views, which are blurred half as often as view 1.

    So small views are what those of DINO are: smaller crops, blurred with a probability of .5,
    never solarised.

    Args:
        config: The settings.
        size: Side of views 1 and 2 in pixels.

    Raises:
        UserError: As for `pair`, or the small views would be larger than the others.
    """
    views = pair(config, size)
    if not config.local_views:
        return views
    local = config.local_size or min(size, max(_STEP, round(3 / 7 * size / _STEP) * _STEP))
    if local > size:
        raise UserError(
            f"local_size={local} is above the {size} pixels of the other views: choose less."
        )
    first = views[0].recipe
    recipe = ViewRecipe.model_validate(
        first.changed({"crop": {"scale": config.local_scale}, "blur": {"p": first.blur.p / 2}})
    )
    return *views, PlannedViews(recipe, local, config.local_views)
