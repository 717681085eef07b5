"""Which views an image gets in a step: by default a pair."""

from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipes import named_pair
from twinlens.views.view import PlannedViews, ViewPlan


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
