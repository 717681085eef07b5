"""What is asked of a pretraining, checked before anything is read."""

from collections.abc import Mapping
from typing import Any

from twinlens.errors import unknown
from twinlens.pretraining.config import Pretraining, configure
from twinlens.pretraining.images import IMAGES
from twinlens.views.recipes import named_pair


def checked(preset: str, settings: Mapping[str, Any], images: str) -> Pretraining:
    """Return the numbers of a pretraining whose names are all known.

    Args:
        preset: "robust", "paper" or "paper-code".
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
