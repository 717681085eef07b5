"""The settings of a pretraining, validated before it begins."""

from collections.abc import Mapping
from typing import Any

from twinlens.data.dataset import Dataset
from twinlens.errors import unknown
from twinlens.models.encoders import Encoder, check_size
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipes import named_pair
from twinlens.views.view import ViewPlan


def resolve_settings(preset: str, settings: Mapping[str, Any], images: str) -> Pretraining:
    """Return the settings of a pretraining after checking all names in them.

    Args:
        preset: A name in `settings.pretraining.PRESETS`.
        settings: What differs from the preset.
        images: A name in `IMAGES`.

    Raises:
        UserError: A name is unknown or a setting wrong.
    """
    config = configure(preset, settings, where="Settings of the pretraining")
    named_pair(config.views, config.view_changes)
    if images not in IMAGES:
        raise unknown("choice of images", images, IMAGES)
    return config


def check_views(config: Pretraining, encoder: Encoder, data: Dataset) -> ViewPlan:
    """Return the views of each image, after checking that the encoder takes their sizes.

    Raises:
        UserError: It does not, or a setting of the views is wrong.
    """
    plan = METHODS[config.method].views(config, config.image_size or data.size)
    for size in dict.fromkeys(views.size for views in plan):
        remedy = "" if size == data.size else "choose another image_size or local_size"
        check_size(encoder, size, remedy=remedy)
    return plan
