"""The settings of a pretraining, validated before any data are read."""

from collections.abc import Mapping
from typing import Any

from twinlens.errors import unknown
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.method import configure
from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipes import named_pair


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
